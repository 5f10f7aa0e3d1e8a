"""The public keys of user tokens, as each role knows them.

Role user reads its own files. Every other role fetches the JWK set that user publishes, and keeps it
in memory and in its database, so that tokens are still checked when it restarts while user is away.
"""

import logging
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt import PyJWTError

from shop import context, transport
from shop.env import env
from shop.errors import NoAnswer
from shop.identity import keyfiles
from shop.identity.models import TokenKey
from shop.roles import KEYS, permitted
from shop.transactions import command

logger = logging.getLogger(__name__)

Keys = Mapping[str, Ed25519PublicKey]

FRESH_S = 300  # a withdrawn key is refused after this at the latest
_FILES_FRESH_S = 5  # the same for role user, whose files cost nothing to read
_PAUSE_S = 5  # between two attempts to renew: a flood of unknown kids asks no more often
_ASK_S = 0.5  # longest that a request waits for the keys


class UnknownKey(Exception):
    """No published key has this kid."""


class Keyring:
    """Keys that ``load`` brings, renewed once they are older than ``fresh_s`` or lack the one asked for.

    Raising NoAnswer, ``load`` leaves the keys as they were. ``keys`` are those known from the start.
    """

    def __init__(self, load: Callable[[], Keys], *, fresh_s: float, keys: Keys | None = None) -> None:
        self._load, self._fresh_s = load, fresh_s
        self._keys: Keys = keys or {}
        self._fresh_until = self._retry_at = float("-inf")  # time.monotonic() seconds
        self._unanswered = True  # until the first load: who asks meanwhile must not take silence for a no
        self._renewing = Lock()

    def find(self, kid: str) -> Ed25519PublicKey:
        """The key ``kid``. Raises UnknownKey; NoAnswer when that could not be found out."""
        key = self._keys.get(kid)
        if key is not None and time.monotonic() < self._fresh_until:
            return key
        self._renew(wait_s=_ASK_S if key is None else 0)
        key = self._keys.get(kid)
        if key is not None:
            return key
        if self._unanswered:
            raise NoAnswer("the keys of user tokens are not known yet")
        raise UnknownKey(kid)

    def _renew(self, *, wait_s: float) -> None:
        """Load unless another thread does; that one is waited for only by who has no key at all."""
        if time.monotonic() < self._retry_at or not self._renewing.acquire(timeout=wait_s):
            return
        try:
            if time.monotonic() >= self._retry_at:
                self._load_now()
        finally:
            self._renewing.release()

    def _load_now(self) -> None:
        try:
            self._keys = self._load()
        except NoAnswer as exc:
            self._unanswered = True
            logger.warning("keys of user tokens not renewed: %s", exc)
            return
        finally:
            self._retry_at = time.monotonic() + _PAUSE_S  # not before: others wait for this load
        self._unanswered = False
        self._fresh_until = time.monotonic() + self._fresh_s


@lru_cache(maxsize=16)
def of(role: str) -> Keyring:
    """The keyring of ``role``: by its own files, or by what user publishes where the table lets it ask."""
    if permitted(role, KEYS, "keys"):
        return Keyring(_fetch, fresh_s=FRESH_S, keys=keyfiles.parse({"keys": _kept()}))
    return Keyring(lambda: keyfiles.parse(keyfiles.public_set(env.token_keys)), fresh_s=_FILES_FRESH_S)


def _fetch() -> Keys:
    with context.deadline(_ASK_S):
        reply = transport.get(KEYS, "/user/jwks", purpose="keys")
    if reply.status != 200:
        raise NoAnswer(f"{KEYS} answered {reply.status}")
    try:
        keys = keyfiles.parse(reply.body)
    except (KeyError, TypeError, PyJWTError):
        raise NoAnswer(f"{KEYS} answered with something that is no JWK set") from None
    published = sorted(reply.body["keys"], key=lambda jwk: str(jwk["kid"]))
    if published != _kept():
        _keep(jwks=published)
    return keys


def _kept() -> list[dict[str, Any]]:
    return list(TokenKey.objects.order_by("kid").values_list("jwk", flat=True))


@command
def _keep(*, jwks: list[dict[str, Any]]) -> None:
    TokenKey.objects.exclude(kid__in=[jwk["kid"] for jwk in jwks]).delete()
    TokenKey.objects.bulk_create(
        [TokenKey(kid=jwk["kid"], jwk=jwk) for jwk in jwks],
        update_conflicts=True,
        unique_fields=["kid"],
        update_fields=["jwk"],
    )
