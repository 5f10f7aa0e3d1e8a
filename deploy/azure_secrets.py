"""The Kustomize component for the Key Vault add-on: each identity's Secrets, by name, out of one vault.

An object of the vault is named like its Secret and key, in the vault's alphabet: `DATABASE_URL` of
`product-environment` is `product-environment-DATABASE-URL`.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from deploy import secrets
from shop.roles import KEYS, OPERATOR, ROLES

_ROOT = "/etc/shop/vault"
_OWNERS = (*ROLES, OPERATOR, "database")
_TOKEN_KEYS = ("current",)  # kids of user tokens' keys; two while one replaces the other, see docs/kubernetes.md


def component() -> dict[str, str]:
    """The component's files."""
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["secrets.yaml"],
        "patches": [*(_workloads(owner) for owner in _OWNERS if owner != OPERATOR), _audit()],
    }
    classes = [_class(owner, _owned(owner)) for owner in _OWNERS]
    return {
        "secrets.yaml": yaml.safe_dump_all(classes, sort_keys=False),
        "kustomization.yaml": yaml.safe_dump(kustomization, sort_keys=False),
    }


def _owned(owner: str) -> dict[str, tuple[str, ...]]:
    """Its Secrets with their keys."""
    if owner == "database":
        logins = tuple(f"shop_{role}" for role in ROLES)
        return {"database-admin": ("url",), "database-logins": logins}
    found = {name: keys for name, keys in secrets.of_shop().items() if name.startswith(f"{owner}-")}
    if owner == KEYS:
        found[f"{KEYS}-token-keys"] = ("active", *(f"{kid}.pem" for kid in _TOKEN_KEYS))
    return found


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
                "keyvaultName": "yours",
                "tenantId": "yours",
                "clientID": "yours",
                "objects": f"array:\n{listed}",
            },
            "secretObjects": list(_secrets(own)),
        },
    }


def _secrets(own: dict[str, tuple[str, ...]]) -> Iterator[dict[str, Any]]:
    for name, keys in own.items():
        data = [{"objectName": _object(name, key), "key": key} for key in keys]
        yield {"secretName": name, "type": "Opaque", "data": data}


def _object(name: str, key: str) -> str:
    return f"{name}-{key}".replace("_", "-").replace(".", "-")


def _workloads(owner: str) -> dict[str, Any]:
    """Mounting its class is what makes the add-on write the Secrets that a pod's environment names."""
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "any"},
        "spec": {"template": {"spec": _mounted(owner)}},
    }
    return {"target": {"kind": "Deployment|Job", "name": f"{owner}-.*"}, "patch": yaml.safe_dump(patch)}


def _audit() -> dict[str, Any]:
    pod = {"spec": {"template": {"spec": _mounted(OPERATOR)}}}
    patch = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "audit"},
        "spec": {"jobTemplate": pod},
    }
    return {"patch": yaml.safe_dump(patch)}


def _mounted(owner: str) -> dict[str, Any]:
    driver = {
        "driver": "secrets-store.csi.k8s.io",
        "readOnly": True,
        "volumeAttributes": {"secretProviderClass": owner},
    }
    mount = {"name": "vault", "mountPath": _ROOT, "readOnly": True}
    return {
        "containers": [{"name": "app", "volumeMounts": [mount]}],
        "volumes": [{"name": "vault", "csi": driver}],
    }
