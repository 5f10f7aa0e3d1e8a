"""SecretProviderClasses of the AKS add-on: each role's Secrets, by name, out of one Azure Key Vault.

An object of the vault is named like its Secret and key, in the vault's alphabet: `product-environment` and
`DATABASE_URL` is `product-environment-DATABASE-URL`.
"""

from typing import Any

import yaml

from deploy import secrets
from shop.roles import KEYS, OPERATOR, ROLES


def classes() -> str:
    """One class per identity; each may read its own objects alone."""
    known = secrets.of_shop()
    found = []
    for owner in (*ROLES, OPERATOR):
        own = {name: keys for name, keys in known.items() if name.startswith(f"{owner}-")}
        if owner == KEYS:
            own[f"{KEYS}-token-keys"] = ("active", "current.pem")
        found.append(_class(owner, own))
    return yaml.safe_dump_all(found, sort_keys=False)


def _class(owner: str, own: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    objects = [_object(name, key) for name, keys in own.items() for key in keys]
    listed = "".join(f"  - |\n    objectName: {name}\n    objectType: secret\n" for name in objects)
    return {
        "apiVersion": "secrets-store.csi.x-k8s.io/v1",
        "kind": "SecretProviderClass",
        "metadata": {"name": owner},
        "spec": {
            "provider": "azure",
            "parameters": {
                "clientID": "00000000-0000-0000-0000-000000000000",
                "keyvaultName": "shop",
                "tenantId": "00000000-0000-0000-0000-000000000000",
                "objects": f"array:\n{listed}",
            },
            "secretObjects": [
                {
                    "secretName": name,
                    "type": "Opaque",
                    "data": [{"objectName": _object(name, key), "key": key} for key in keys],
                }
                for name, keys in own.items()
            ],
        },
    }


def _object(name: str, key: str) -> str:
    return f"{name}-{key}".replace("_", "-").replace(".", "-")
