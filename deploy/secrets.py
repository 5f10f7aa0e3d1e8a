"""Which Secrets the shop's pods expect, whoever makes them: ``deploy.local`` or a key vault.

A role's environment has addresses with its own passwords; its key file is the private half of its service
credential. The public halves of all are in one ConfigMap.
"""

from collections.abc import Mapping

from shop.roles import KEYS, OPERATOR, ROLES

ENVIRONMENT = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
_MORE: Mapping[str, tuple[str, ...]] = {
    "payment": ("GATEWAY_KEY",),
    "notification": ("SMTP_URL",),
    "product": ("MEDIA_OPTIONS",),
}
PUBLIC_KEYS = "service-keys-public"  # a ConfigMap


def environment(role: str) -> tuple[str, ...]:
    """The variables of Secret ``<role>-environment``."""
    return ENVIRONMENT + _MORE.get(role, ())


def of_shop() -> dict[str, tuple[str, ...]]:
    """Every Secret of namespace shop by name, with its keys; of ``user-token-keys`` only the one that is fixed."""
    found: dict[str, tuple[str, ...]] = {}
    for role in ROLES:
        found[f"{role}-environment"] = environment(role)
        found[f"{role}-service-key"] = (f"{role}.pem",)
    found[f"{OPERATOR}-service-key"] = (f"{OPERATOR}.pem",)
    found[f"{KEYS}-token-keys"] = ("active",)
    return found
