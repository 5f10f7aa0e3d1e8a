"""docs/walkthrough.md works as written."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.shop_api.client import PASSWORD, Answer, Shop, wait_for

PAGE = Path(__file__).resolve().parents[2] / "docs/walkthrough.md"
_BLOCK = re.compile(r"```http\n(.*?)```", re.DOTALL)
_NAME = re.compile(r"\{\{(\w+)\}\}")
_ANY = "…"


@dataclass(frozen=True)
class Exchange:
    """One request of the page with the answer it promises; texts still hold ``{{names}}``."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    until: bool  # the answer is waited for
    status: int
    problem: str
    answer_headers: dict[str, str]
    answer: str


def exchanges() -> Iterator[Exchange]:
    for block in _BLOCK.findall(PAGE.read_text()):
        request, _, answer = block.partition("\n\n")
        first, *lines = request.splitlines()
        method, path = first.split(" ", 1)
        headers, body = _split(lines)
        promised, *lines = answer.splitlines()
        words = promised.split()
        until = words[0] == "until"
        status, *slug = words[until:]
        answer_headers, answer_body = _split(lines)
        yield Exchange(method, path, headers, body, until, int(status), "".join(slug), answer_headers, answer_body)


def _split(lines: list[str]) -> tuple[dict[str, str], str]:
    headers = dict(line.split(": ", 1) for line in lines if re.match(r"[A-Z][\w-]+: ", line))
    return headers, "\n".join(line for line in lines if not re.match(r"[A-Z][\w-]+: ", line))


def test_the_page_works_as_written(shop: Shop) -> None:
    """Each request, in order, gets the answer that the page shows."""
    known = _given(shop)
    found = list(exchanges())
    assert len(found) > 25
    for exchange in found:
        _run(shop, exchange, known)


def _given(shop: Shop) -> dict[str, str]:
    """What a reader brings along: the staff sign-in, names of their own, fresh keys."""
    own = uuid4().hex[:8]
    return {
        "staff_email": os.environ["SHOP_STAFF_EMAIL"],
        "staff_password": os.environ["SHOP_STAFF_PASSWORD"],
        "category": shop.category(),
        "warehouse": shop.warehouse(),
        "sku": f"WALK-{own}",
        "email": f"ada-{own}@example.com",
        "guest_email": f"grace-{own}@example.com",
        "password": PASSWORD,
        **{f"key_{number}": f"walk-{own}-{number}" for number in range(1, 10)},
    }


def _run(shop: Shop, exchange: Exchange, known: dict[str, str]) -> None:
    def send() -> Answer:
        headers = {name: _filled(value, known) for name, value in exchange.headers.items()}
        body = json.loads(_filled(exchange.body, known)) if exchange.body.strip() else None
        return shop.anyone.call(exchange.method, _filled(exchange.path, known), body, headers=headers)

    if exchange.until:
        answer = wait_for(send, lambda got: not _differences(exchange, got, dict(known)), within_s=40)
    else:
        answer = wait_for(send, lambda got: not _stale(exchange, got, known), within_s=5)
    assert _differences(exchange, answer, known) == [], (exchange, answer)


def _stale(exchange: Exchange, answer: Answer, known: dict[str, str]) -> bool:
    """The catalogue's availability follows inventory's events, within moments."""
    return exchange.path.startswith("/product/") and bool(_differences(exchange, answer, dict(known)))


def _filled(text: str, known: dict[str, str]) -> str:
    return _NAME.sub(lambda match: known[match[1]], text)


def _differences(exchange: Exchange, answer: Answer, known: dict[str, str]) -> list[str]:
    """How an answer differs from the page; names the page takes from it are added to ``known``."""
    found = []
    if (answer.status, answer.problem) != (exchange.status, exchange.problem):
        found.append(f"{answer.status} {answer.problem}")
    for name, value in exchange.answer_headers.items():
        found += _compare(value, answer.headers.get(name), known, name)
    if exchange.answer.strip():
        found += _compare(json.loads(exchange.answer), answer.body, known, "")
    return found


def _compare(shown: Any, got: Any, known: dict[str, str], where: str) -> list[str]:
    if shown == _ANY:
        return []
    if isinstance(shown, str) and (match := _NAME.fullmatch(shown)) and match[1] not in known:
        known[match[1]] = str(got)
        return [] if got else [f"{where} is empty"]
    if isinstance(shown, dict) and isinstance(got, dict):
        return [d for key in shown for d in _compare(shown[key], got.get(key), known, f"{where}.{key}")]
    if isinstance(shown, list) and isinstance(got, list) and len(shown) == len(got):
        return [d for a, b in zip(shown, got, strict=True) for d in _compare(a, b, known, f"{where}[]")]
    expected = _filled(shown, known) if isinstance(shown, str) else shown
    return [] if expected == got else [f"{where}: {got!r} instead of {expected!r}"]
