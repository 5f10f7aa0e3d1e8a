"""User tokens: who is asking, signed by role user, checked by every role by itself.

A JWT access token in the manner of RFC 9068, signed with Ed25519. It carries no personal data: the
account's id, whether it runs the shop, and in which staff roles. It cannot be revoked, so it lives for 15 minutes.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured

from shop import context
from shop.env import env
from shop.identity import issuing, keyfiles, keyring
from shop.identity.models import Account

_SKEW_S = 5  # between the clocks of two machines
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


class InvalidToken(Exception):
    """The token is forged, expired, or not an access token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a checked token says. ``expires_at`` is Unix time, seconds; ``kid`` names the key that signed."""

    account_id: UUID
    is_staff: bool
    is_superuser: bool
    staff_roles: tuple[str, ...]
    expires_at: float
    kid: str

    def account(self) -> Account:
        """An unsaved shadow of the account: its id, flags and staff roles, nothing else."""
        return Account(
            id=self.account_id,
            is_staff=self.is_staff,
            is_superuser=self.is_superuser,
            staff_roles=list(self.staff_roles),
        )


def mint(account: Account) -> str:
    """An access token of ``account``, under the active key. Raises ImproperlyConfigured without one."""
    kid, key = signing_key()
    return issuing.signed(
        str(account.pk),
        kid=kid,
        key=key,
        is_staff=account.is_staff,
        is_superuser=account.is_superuser,
        staff_roles=account.staff_roles,
    )


def verify(token: str) -> Claims:
    """Check an access token. Raises InvalidToken; NoAnswer when its key could not be asked for."""
    role = context.current_role()
    claims = _verified(role, token)
    if claims.expires_at <= time.time():
        raise InvalidToken("expired")
    key_of(role, claims.kid)  # a withdrawn key ends its tokens
    return claims


@lru_cache(maxsize=4096)  # a signature costs 0.1 ms to check, and a client sends its token again and again
def _verified(role: str, token: str) -> Claims:
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != issuing.TYPE:
            raise InvalidToken("not an access token")
        kid = str(header.get("kid"))
        claims = jwt.decode(
            token,
            key_of(role, kid),
            algorithms=["EdDSA"],
            audience=issuing.AUDIENCE,
            issuer=issuing.ISSUER,
            leeway=_SKEW_S,
            options={"require": _REQUIRED},
        )
        return Claims(
            account_id=UUID(claims["sub"]),
            is_staff=claims.get("is_staff") is True,
            is_superuser=claims.get("is_superuser") is True,
            staff_roles=tuple(str(role) for role in claims.get("staff_roles", ())),
            expires_at=float(claims["exp"]),
            kid=kid,
        )
    except (jwt.PyJWTError, ValueError) as exc:
        raise InvalidToken(exc.__class__.__name__) from None


def key_of(role: str, kid: str) -> Ed25519PublicKey:
    """The published key ``kid``, as ``role`` knows it. Raises InvalidToken; NoAnswer when that cannot be found out."""
    try:
        return keyring.of(role).find(kid)
    except keyring.UnknownKey:
        raise InvalidToken("unknown key") from None


def signing_key() -> tuple[str, Ed25519PrivateKey]:
    """The active key and its kid. Raises ImproperlyConfigured without one."""
    try:
        kid = keyfiles.active_kid(env.token_keys)
        return kid, _private_key(kid)
    except FileNotFoundError:
        raise ImproperlyConfigured(f"no key in {env.token_keys}: run `manage.py make_keys`") from None


@lru_cache(maxsize=4)
def _private_key(kid: str) -> Ed25519PrivateKey:
    return keyfiles.private_key(env.token_keys / f"{kid}.pem")
