"""Service credentials: which role is calling, vouched for by a key only that role has.

A JWT (RFC 7519) of its own type, signed with Ed25519 (RFC 8037): issuer the calling role, audience
the callee, a lifetime of at most 60 s, and the end user as asserted by the caller, where there is one.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shop.env import env
from shop.identity import keyfiles

HEADER = "X-Service-Credential"
TYPE = "svc+jwt"
LIFETIME_S = 60
_REUSE_S = 30  # a cached credential is sent for this long: half its life, so none expires on the way
_SKEW_S = 5  # between the clocks of two machines
_REQUIRED = ["exp", "iat", "iss", "aud"]


class InvalidCredential(Exception):
    """The credential is forged, expired, or for someone else."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A checked credential: ``caller`` is a role (or operator), ``end_user`` an account id or empty.

    ``staff``: the end user acts as one who runs the shop, and is named in the history of changes.
    """

    caller: str
    end_user: str
    staff: bool = False


def mint(*, caller: str, callee: str, end_user: str = "", staff: bool = False) -> str:
    """A credential of ``caller`` for ``callee``. Raises FileNotFoundError without the caller's key."""
    return _minted(caller, callee, end_user, staff, int(time.time()) // _REUSE_S)


def verify(token: str, *, callee: str) -> Credential:
    """Check a credential presented to ``callee``. Raises InvalidCredential."""
    credential, expires_at = _verified(token, callee)
    if expires_at <= time.time():
        raise InvalidCredential("expired")
    return credential


@lru_cache(maxsize=1024)
def _minted(caller: str, callee: str, end_user: str, staff: bool, window: int) -> str:
    now = int(time.time())
    claims: dict[str, object] = {"iss": caller, "aud": callee, "iat": now, "exp": now + LIFETIME_S}
    if end_user:
        claims["sub"] = end_user
    if staff:
        claims["staff"] = True
    return jwt.encode(claims, _private_key(caller), algorithm="EdDSA", headers={"typ": TYPE})


@lru_cache(maxsize=1024)  # a signature costs 0.1 ms to check and the same token arrives for 30 s
def _verified(token: str, callee: str) -> tuple[Credential, float]:
    try:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise InvalidCredential("not a service credential")
        issuer = str(jwt.decode(token, options={"verify_signature": False}).get("iss"))
        key = _public_keys().get(issuer)
        if key is None:
            raise InvalidCredential("unknown caller")
        claims = jwt.decode(
            token, key, algorithms=["EdDSA"], audience=callee, leeway=_SKEW_S, options={"require": _REQUIRED}
        )
    except jwt.PyJWTError as exc:
        raise InvalidCredential(exc.__class__.__name__) from None
    if claims["exp"] - claims["iat"] > LIFETIME_S:
        raise InvalidCredential("lives too long")
    credential = Credential(caller=issuer, end_user=str(claims.get("sub", "")), staff=claims.get("staff") is True)
    return credential, float(claims["exp"])


@lru_cache(maxsize=16)
def _private_key(role: str) -> Ed25519PrivateKey:
    return keyfiles.private_key(env.service_keys / f"{role}.pem")


@lru_cache(maxsize=1)
def _public_keys() -> Mapping[str, Ed25519PublicKey]:
    return keyfiles.parse(json.loads((env.service_keys / keyfiles.PUBLIC).read_text()))
