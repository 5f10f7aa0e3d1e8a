"""One-time tokens with which role user vouches for somebody at another role, where a session is to begin.

A JWT of its own type, signed with the key of user tokens; audience one role, a life of at most 60 s. It
is bound to a secret in a cookie of that role (``state``), names the path to go to, and says until when
the session may last. Unlike an access token it carries e-mail address and name, for the role's shadow
of the account: it travels in the body of a form, never in an address.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from urllib.parse import unquote
from uuid import UUID, uuid4

import jwt

from shop.identity import issuing, tokens
from shop.identity.models import Account

TYPE = "signon+jwt"
LIFETIME_S = 60
SESSION_S = 15 * 60  # the longest that a role goes on without asking user again
_SKEW_S = 5  # between the clocks of two machines
_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]
_LONGEST_PATH = 2000
_STATE = re.compile(r"[0-9a-f]{64}\Z")


class InvalidVoucher(Exception):
    """Forged, expired, for another role, or for another browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """Who may begin a session at ``role``, for which attempt (``state``), and where it leads.

    ``until``: the session ends then at the latest; Unix time, seconds.
    """

    role: str
    account: Account
    state: str
    path: str
    until: float
    jti: UUID
    expires_at: float


def mint(*, account: Account, role: str, state: str, path: str, until: float) -> str:
    """A voucher for a browser that holds the secret of ``state``. Raises ImproperlyConfigured without a key."""
    now = int(time.time())
    claims = {
        "iss": issuing.ISSUER,
        "aud": role,
        "sub": str(account.pk),
        "iat": now,
        "exp": now + LIFETIME_S,
        "jti": str(uuid4()),
        "state": state,
        "path": path,
        "until": min(until, now + SESSION_S),
        "email": account.email,
        "name": account.name,
        "is_staff": account.is_staff,
        "is_superuser": account.is_superuser,
        "staff_roles": account.staff_roles,
    }
    kid, key = tokens.signing_key()
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": TYPE, "kid": kid})


def verify(token: str, *, role: str, secret: str) -> Voucher:
    """Check a voucher that a browser with the cookie ``secret`` presents to ``role``.

    Whether it was used before is not asked here. Raises InvalidVoucher; NoAnswer when user's keys
    could not be asked for.
    """
    try:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != TYPE:
            raise InvalidVoucher("not a voucher")
        key = tokens.key_of(role, str(header.get("kid")))
        claims = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience=role,
            issuer=issuing.ISSUER,
            leeway=_SKEW_S,
            options={"require": _REQUIRED},
        )
        found = _read(role, claims)
    except (jwt.PyJWTError, tokens.InvalidToken, ValueError, KeyError, TypeError) as exc:
        raise InvalidVoucher(exc.__class__.__name__) from None
    if not secret or not hmac.compare_digest(state_of(secret), found.state):
        raise InvalidVoucher("for another browser")
    return found


def _read(role: str, claims: dict[str, object]) -> Voucher:
    issued, expires, until = (float(str(claims[name])) for name in ("iat", "exp", "until"))
    if expires - issued > LIFETIME_S or until > issued + SESSION_S:
        raise InvalidVoucher("lives too long")
    roles = claims["staff_roles"]
    account = Account(
        id=UUID(str(claims["sub"])),
        email=str(claims["email"]),
        name=str(claims["name"]),
        is_staff=claims["is_staff"] is True,
        is_superuser=claims["is_superuser"] is True,
        staff_roles=[str(name) for name in roles] if isinstance(roles, list) else [],
    )
    return Voucher(
        role=role,
        account=account,
        state=str(claims["state"]),
        path=own_path(role, str(claims["path"])),
        until=until,
        jti=UUID(str(claims["jti"])),
        expires_at=expires,
    )


def state_of(secret: str) -> str:
    """What may be known of an attempt's secret: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_state(text: str) -> bool:
    """Whether ``text`` could be the state of an attempt."""
    return bool(_STATE.match(text))


def own_path(role: str, path: str) -> str:
    """``path`` if it is one of ``role``'s own on this host, the first page of its admin otherwise."""
    home = f"/{role}/admin/"
    plain = unquote(path)
    if not path.startswith(f"/{role}/") or len(path) > _LONGEST_PATH or not plain.isprintable():
        return home
    if "\\" in plain or "//" in plain.partition("?")[0] or ".." in plain.partition("?")[0].split("/"):
        return home
    signing = any(path.startswith(f"{home}{page}") for page in ("login", "logout", "sign-on"))
    return home if signing else path
