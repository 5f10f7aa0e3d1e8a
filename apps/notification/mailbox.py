"""Reading the development mail sink over HTTP."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import urllib3

from shop.env import env
from shop.errors import NoAnswer

_TIMEOUT_S = 2.0
_PAGE = 1000  # the most that the sink gives at once, oldest first
_PAGES = 10  # ten thousand messages: more than it keeps


def newest(*, to: str, limit: int) -> list[dict[str, Any]]:
    """The latest messages, newest first, of one recipient or (``to`` empty) of all. Raises NoAnswer."""
    found: list[dict[str, Any]] = []
    for _ in range(_PAGES):
        after = found[-1]["id"] if found else 0
        page = _read({"limit": str(_PAGE), "after": str(after)} | ({"to": to} if to else {}))
        found += page
        if len(page) < _PAGE:
            break
    return found[: -limit - 1 : -1]


def _read(query: dict[str, str]) -> list[dict[str, Any]]:
    try:
        answer = _pool().request("GET", f"{env.mailbox_url.rstrip('/')}/messages?{urlencode(query)}")
        messages = answer.json()
    except (urllib3.exceptions.HTTPError, ValueError) as exc:
        raise NoAnswer(f"mailbox: {exc.__class__.__name__}") from exc
    if answer.status != 200 or not isinstance(messages, list):
        raise NoAnswer(f"mailbox answered {answer.status}")
    return messages


@lru_cache(maxsize=1)
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(maxsize=4, timeout=_TIMEOUT_S, retries=False)
