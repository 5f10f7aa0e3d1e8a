"""Payment gateways: outside companies that move the money. They are reached over HTTP, and never
inside a transaction.

``Gateway`` is what payment needs of one; ``HttpGateway`` speaks the API of the simulated one.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import urlencode

import urllib3
from django.db import connection

from shop import context
from shop.env import env
from shop.errors import NoAnswer
from shop.money import Money


@dataclass(frozen=True, slots=True)
class Accepted:
    """The gateway did what was asked; ``id`` is its name for it."""

    id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A final no: no money moved. ``code`` says why, in the gateway's words."""

    code: str


Answer = Accepted | Refused


class UndefinedAnswer(Exception):
    """An answer that the interface does not define: a person has to look at it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One movement in the gateway's own books, under the key that payment gave it."""

    key: str
    kind: str  # as of models.Kind
    money: Money
    status: str  # as of models.Outcome


class Gateway(Protocol):
    """What payment asks of a gateway.

    Each command carries ``key``; a repeat under the same key has no second effect and brings the first
    answer. Every method raises NoAnswer, which proves nothing, and UndefinedAnswer.
    """

    def authorise(self, *, key: str, amount: Money, token: str, reference: str) -> Answer:
        """Hold ``amount`` on the card behind ``token``; Refused is a decline."""

    def capture(self, *, key: str, authorisation: str, amount: Money) -> Answer:
        """Take what ``authorisation`` holds."""

    def void(self, *, key: str, authorisation: str) -> Accepted:
        """Let ``authorisation`` go; one that is gone already counts as let go."""

    def refund(self, *, key: str, capture: str, amount: Money) -> Answer:
        """Give back part of what ``capture`` took."""

    def books(self, *, keys: Sequence[str] | None = None) -> Iterator[Line]:
        """Every movement of money, or those made under ``keys``. Declines move none and are left out."""


_KINDS = {"authorisation": "authorise", "capture": "capture", "void": "void", "refund": "refund"}
_NAME = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)  # the gateway's tokens and references
_MARGIN_S = 0.1  # of the deadline: time to write the gateway's answer down and to pass it on
_PAGE = 1000
_KEYS_AT_ONCE = 50  # as query parameters of one look-up: below the gateway's limit on a request line
_AGAIN_LATER = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class HttpGateway:
    """The simulated gateway (``simulators/gateway``), as any client sees it."""

    url: str
    api_key: str = field(repr=False)
    timeout_s: float

    def authorise(self, *, key: str, amount: Money, token: str, reference: str) -> Answer:
        if not _NAME.fullmatch(token):
            return Refused("invalid_token")  # none of this gateway's, which could only say the same
        body = {**amount.json(), "token": token, "reference": _fitting(reference)}
        status, answer = self._command("/v1/authorisations", key, body)
        if status == 201 and answer["status"] == "declined":
            return Refused(_text(answer, "decline_code"))
        return self._accepted(status, answer, "authorised", amount)

    def capture(self, *, key: str, authorisation: str, amount: Money) -> Answer:
        path = f"/v1/authorisations/{authorisation}/captures"
        status, answer = self._command(path, key, {"amount": amount.json()["amount"]})
        return self._refused(status, answer) or self._accepted(status, answer, "captured", amount)

    def void(self, *, key: str, authorisation: str) -> Accepted:
        status, answer = self._command(f"/v1/authorisations/{authorisation}/void", key, {})
        if self._refused(status, answer) == Refused("already_voided"):
            return Accepted(authorisation)
        return self._accepted(status, answer, "voided", None)

    def refund(self, *, key: str, capture: str, amount: Money) -> Answer:
        path = f"/v1/captures/{capture}/refunds"
        status, answer = self._command(path, key, {"amount": amount.json()["amount"]})
        return self._refused(status, answer) or self._accepted(status, answer, "refunded", amount)

    def books(self, *, keys: Sequence[str] | None = None) -> Iterator[Line]:
        if keys is None:
            yield from self._pages([])
            return
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            yield from self._pages(keys[start : start + _KEYS_AT_ONCE])

    def _pages(self, keys: Sequence[str]) -> Iterator[Line]:
        after: str | None = "0"
        while after is not None:
            query = urlencode([("after", after), ("limit", str(_PAGE)), *(("key", key) for key in keys)])
            status, page = self._send("GET", f"/v1/books?{query}", {}, None)
            if status != 200:
                raise UndefinedAnswer(_described(status, page))
            yield from (_line(shown) for shown in page["results"] if shown["status"] != "declined")
            after = page["next"]

    def _command(self, path: str, key: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        status, answer = self._send("POST", path, {"Idempotency-Key": key}, json.dumps(body).encode())
        if status == 201 and not ("id" in answer and "status" in answer):
            raise UndefinedAnswer("201 without id and status")
        return status, answer

    def _refused(self, status: int, answer: dict[str, Any]) -> Refused | None:
        return Refused(_text(answer.get("error") or {}, "code")) if status == 409 else None

    def _accepted(self, status: int, answer: dict[str, Any], expected: str, amount: Money | None) -> Accepted:
        if status != 201 or answer["status"] != expected:
            raise UndefinedAnswer(_described(status, answer))
        if amount is not None and {"amount": answer.get("amount"), "currency": answer.get("currency")} != amount.json():
            raise UndefinedAnswer(f"{expected}, but another amount")
        return Accepted(_text(answer, "id"))

    def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of the answer. Raises NoAnswer, UndefinedAnswer."""
        if connection.in_atomic_block:
            raise RuntimeError("a call to the gateway inside a transaction would hold its locks while waiting")
        left = context.remaining()
        wait_s = self.timeout_s if left is None else min(self.timeout_s, left - _MARGIN_S)
        if wait_s <= 0:
            raise NoAnswer("no time left to ask the gateway")
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json", **headers}
        try:
            response = _pool(self.url).urlopen(
                method, target, body=body, headers=headers, timeout=urllib3.Timeout(total=wait_s), retries=False
            )
        except urllib3.exceptions.HTTPError as exc:
            raise NoAnswer(f"gateway: {exc.__class__.__name__}") from exc
        if response.status >= 500 or response.status in _AGAIN_LATER:
            raise NoAnswer(f"gateway: {response.status}")
        return response.status, _object(response.status, response.data)


@lru_cache(maxsize=1)
def default() -> Gateway:
    """The gateway that GATEWAY_URL names."""
    return HttpGateway(env.gateway_url, env.gateway_key, env.gateway_timeout_s)


@lru_cache(maxsize=4)
def _pool(url: str) -> urllib3.HTTPConnectionPool:
    """Kept-alive connections; as many as this process has threads that call."""
    return urllib3.connection_from_url(url, maxsize=16, block=False)


def _fitting(reference: str) -> str:
    """``reference`` if the gateway takes it as it is; its hash, always the same, otherwise."""
    return reference if _NAME.fullmatch(reference) else sha256(reference.encode()).hexdigest()


def _object(status: int, data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UndefinedAnswer(f"{status} without a JSON object")
    return answer


def _text(answer: dict[str, Any], name: str) -> str:
    return str(answer.get(name) or "")[:64]


def _line(shown: dict[str, Any]) -> Line:
    money = Money.parse(shown["amount"], shown["currency"])
    return Line(shown["key"], _KINDS[shown["kind"]], money, shown["status"])


def _described(status: int, answer: dict[str, Any]) -> str:
    """Status and the gateway's code: never the body, which may repeat what was sent."""
    return f"{status} {_text(answer.get('error') or answer, 'code')}".strip()
