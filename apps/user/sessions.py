"""Signing in, staying signed in, signing out: refresh tokens that rotate (RFC 9700, 4.14.2).

Each use of a refresh token ends it and issues its successor. A used one that comes back was copied,
so its whole family is revoked. One case is not a copy: the answer got lost and the client asks again.
Within ``REPEAT_S`` of its use, and only while nobody has used the successor, a token gets the same
successor once more. Two at once get the same one too, so a family never forks, and a thief who is
faster than that is found out by whichever of the two comes second.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from apps.user.models import RefreshToken, RevocationReason, TokenFamily
from shop.identity import passwords, tokens
from shop.identity.models import Account
from shop.transactions import command, step

LIFETIME = timedelta(days=30)  # of a refresh token nobody uses
REPEAT_S = 30  # longer than a client and a mesh go on repeating one request
_BYTES = 32


class InvalidRefreshToken(Exception):
    """Unknown, expired, used or revoked: the client has to sign in again."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What keeps a client signed in; ``access`` lives for ``issuing.LIFETIME_S``."""

    access: str
    refresh: str


def sign_in(*, email: str, password: str, address: str) -> Signed:
    """Begin a family of refresh tokens. Raises passwords.WrongPassword, throttle.TooManyAttempts."""
    account = passwords.check(email=email, password=password, address=address)
    return Signed(tokens.mint(account), _begin(account=account))


def refresh(*, token: str) -> Signed:
    """Exchange a refresh token for its successor and an access token. Raises InvalidRefreshToken."""
    successor = _rotate(token=token)
    if successor is None:
        raise InvalidRefreshToken
    account, new = successor
    return Signed(tokens.mint(account), new)


@command
def sign_out(*, token: str) -> None:
    """Revoke the family of ``token``; nothing, if there is none (RFC 7009)."""
    family = TokenFamily.objects.lock(digest=_digest(token))
    if family is not None:
        _revoke(family, RevocationReason.SIGNED_OUT)


@step
def end_all(*, account_id: UUID, reason: RevocationReason) -> None:
    """Revoke every family of an account."""
    for family in TokenFamily.objects.filter(account=account_id).order_by("id").select_for_update():
        _revoke(family, reason)


@command
def _begin(*, account: Account) -> str:
    token = secrets.token_urlsafe(_BYTES)
    _issue(TokenFamily.objects.create(account=account), token)
    return token


@command
def _rotate(*, token: str) -> tuple[Account, str] | None:
    """The account and the successor; None for a refusal, which must commit: it may have revoked."""
    family = TokenFamily.objects.select_related("account").lock(digest=_digest(token))
    if family is None:
        return None
    presented = RefreshToken.objects.annotate(read_at=Now()).get(digest=_digest(token))
    if family.revoked_at or presented.expires_at <= presented.read_at or not family.account.is_active:
        return None
    if presented.ended_at is None:
        return family.account, _succeed(family, presented, token)
    successor = _successor(token, presented)
    if presented.read_at - presented.ended_at > timedelta(seconds=REPEAT_S) or not _is_live(successor):
        _revoke(family, RevocationReason.REUSED)
        return None
    return family.account, successor


def _succeed(family: TokenFamily, presented: RefreshToken, token: str) -> str:
    presented.ended_at = Now()
    presented.successor_salt = secrets.token_bytes(_BYTES)
    presented.save(update_fields=["ended_at", "successor_salt"])
    successor = _successor(token, presented)
    _issue(family, successor)
    return successor


def _successor(token: str, presented: RefreshToken) -> str:
    salt = bytes(presented.successor_salt or b"")
    return urlsafe_b64encode(hmac.digest(token.encode(), salt, "sha256")).rstrip(b"=").decode()


def _issue(family: TokenFamily, token: str) -> None:
    RefreshToken.objects.create(family=family, digest=_digest(token), expires_at=Now() + LIFETIME)


def _is_live(token: str) -> bool:
    return RefreshToken.objects.filter(digest=_digest(token), ended_at__isnull=True).exists()


def _revoke(family: TokenFamily, reason: RevocationReason) -> None:
    if family.revoked_at:
        return
    TokenFamily.objects.filter(pk=family.pk).update(revoked_at=Now(), revoked_for=reason)
    family.tokens.filter(ended_at__isnull=True).update(ended_at=Now())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@command
def forget_expired(*, limit: int) -> int:
    """Delete up to ``limit`` families without an unexpired token, with their tokens; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [limit])
        families = [row[0] for row in cursor.fetchall()]
    TokenFamily.objects.filter(pk__in=families).delete()
    return len(families)


_EXPIRED = """
SELECT family.id FROM user_tokenfamily AS family
WHERE NOT EXISTS (
    SELECT FROM user_refreshtoken WHERE family_id = family.id AND expires_at > statement_timestamp()
)
ORDER BY family.id LIMIT %s FOR UPDATE SKIP LOCKED
"""
