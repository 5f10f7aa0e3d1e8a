"""Sending requests to a shop, and what that costs the machine."""

import http.client
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tools import processor_time

AT_ONCE = 8
_ANSWER_S = 60  # the longest wait for an answer, before the measurement is given up
_IDLE_S = 15  # whole periods of sweeps and probes

Send = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A shop that runs. ``known`` is what the black-box suite is told of it."""

    kind: str
    known: dict[str, str]
    bare_url: str  # a view that does nothing, of the web process that has the pages: no proxy before it
    pid: int  # the process that all of the shop's descend from
    statements: Callable[[Send, int], float] | None  # how many of SQL one request takes, where that can be seen


@dataclass(frozen=True)
class Measured:
    """One round of one thing."""

    per_second: float
    cpu_ms: float


def load(target: Target, send: Send, count: int, idle: float, finish: Callable[[], Any] | None = None) -> Measured:
    """Send ``count`` times, AT_ONCE at a time; ``idle`` is the CPU used per second without any load."""
    before, began = processor_time.of_tree(target.pid), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: send(), range(count)))
    took = time.monotonic() - began
    if finish:
        finish()
    whole = time.monotonic() - began
    used = processor_time.of_tree(target.pid) - before - idle * whole
    return Measured(count / (whole if finish else took), used / count * 1000)


def idle(target: Target) -> float:
    """CPU seconds that the shop uses in a second in which nobody asks."""
    time.sleep(2)  # what start-up left to do
    before = processor_time.of_tree(target.pid)
    time.sleep(_IDLE_S)
    return (processor_time.of_tree(target.pid) - before) / _IDLE_S


def getter(url: str, headers: dict[str, str] | None = None) -> Send:
    """A GET over a kept-alive connection of each thread's own; another price each time for a "{}" in ``url``."""
    parts, own = urlsplit(url), threading.local()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = f"{parts.path}?{parts.query}"
    prices = itertools.count(100_000)
    sent = {"Accept": "application/json", **(headers or {})}

    def send() -> None:
        if not hasattr(own, "connection"):
            own.connection = kind(parts.hostname or "", parts.port, timeout=_ANSWER_S)
        own.connection.request("GET", path.format(next(prices)), headers=sent)
        answer = own.connection.getresponse()
        answer.read()
        assert answer.status in {200, 304}, answer.status

    return send
