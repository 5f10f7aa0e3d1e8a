"""``make bench``: what a request costs, beside a view that does nothing behind the same server.

Every figure is a median over ten rounds in which the things compared take turns, with the spread from
the first to the ninth decile. CPU is that of all the shop's processes and PostgreSQL, with what they
use when idle subtracted; the client's own is not in it. A first start's pictures are drawn before.
"""

import http.client
import itertools
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from tests import topology
from tests.shop_api.client import Api, Shop

AT_ONCE = 8
ROUNDS = 10
REQUESTS = 300  # of one page in one round
ORDERS = 40  # of one round
SUSTAINED = 400  # in a row: what waiting for the last one costs is then shared by many
_ALL_DRAWN = {"DEMO_PICTURES": "1000"}  # the suite makes do with a few
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")

Send = Callable[[], None]


@dataclass(frozen=True)
class Measured:
    """One round of one thing."""

    per_second: float
    cpu_ms: float


def main() -> int:
    """Print the table."""
    print(f"{AT_ONCE} at a time, {ROUNDS} rounds; median (first to ninth decile)\n")
    print(f"{'':40}{'requests/s':>22}{'of bare':>9}{'CPU ms':>20}{'SQL':>6}")
    for kind in ("one", "split"):
        with topology.running(kind, FULFILMENT_DELAY_S="600", **_ALL_DRAWN) as running:
            _until_drawn(running)
            _pages(kind, running)
            _orders(f"{kind}: quote to confirmed", running, delivered=False)
        with topology.running(kind, FULFILMENT_DELAY_S="0", CARRIER_SPEED="1000", **_ALL_DRAWN) as running:
            _until_drawn(running)
            _orders(f"{kind}: quote to delivered", running, delivered=True)
    return 0


def _pages(kind: str, running: dict[str, Any]) -> None:
    base = running["roles"]["product"]["url"] if kind == "split" else running["base_url"]
    client = Api(base)
    listed = client.get("/product/products?limit=20")
    sku, tag = listed.body["results"][0]["sku"], listed.headers["ETag"]
    pages = {
        "bare view": _getter(base, "/health"),
        "list of 20": _getter(base, "/product/products?limit=20"),
        "list of 20, nobody read it before": _getter(base, "/product/products?limit=20&price_max={}"),
        "list of 20, unchanged (304)": _getter(base, "/product/products?limit=20", {"If-None-Match": tag}),
        "detail": _getter(base, f"/product/products/{sku}"),
    }
    idle = _idle(running["pid"])
    rounds: dict[str, list[Measured]] = {name: [] for name in pages}
    for _ in range(ROUNDS):
        for name, send in pages.items():
            rounds[name].append(_load(send, REQUESTS, running["pid"], idle))
    for name, measured in rounds.items():
        _row(f"{kind}: {name}", measured, rounds["bare view"], _statements(running, pages[name]))


def _orders(name: str, running: dict[str, Any], *, delivered: bool) -> None:
    shop = _shop(running)
    sku = shop.product(on_hand=10_000)
    idle = _idle(running["pid"])

    def buy() -> None:
        placed = shop.buy(shop.anyone, sku, token="tok_always_ok", key=uuid4().hex)
        assert placed.status == 201, placed
        numbers.append(placed.body["number"])

    numbers: list[str] = []

    def wait() -> None:
        for number in numbers:
            shop.wait_for_state(number, "delivered", within_s=120)

    rounds = []
    for _ in range(ROUNDS):
        numbers.clear()
        rounds.append(_load(buy, ORDERS, running["pid"], idle, wait if delivered else None))
    _row(name, rounds, None, _statements(running, buy, count=5))
    if delivered:
        numbers.clear()
        run = _load(buy, SUSTAINED, running["pid"], idle, wait)
        print(f"{name}, {SUSTAINED} in a row: {run.per_second:.1f} orders/s until the last one is there")


def _until_drawn(running: dict[str, Any]) -> None:
    while not json.loads((Path(running["var"]) / "demo.json").read_text()).get("loaded"):
        time.sleep(1)
    with psycopg.connect(running["roles"]["product"]["database_url"], autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM product_image WHERE state = 'waiting' LIMIT 1").fetchone():
            time.sleep(1)


def _shop(running: dict[str, Any]) -> Shop:
    known = topology.variables(running)
    anyone = Api(running["base_url"])
    sign_in = {"email": known["SHOP_STAFF_EMAIL"], "password": known["SHOP_STAFF_PASSWORD"]}
    token = anyone.post("/user/token", sign_in).body["access"]
    return Shop(anyone=anyone, staff=anyone.and_headers(Authorization=f"Bearer {token}"))


def _getter(base: str, path: str, headers: dict[str, str] | None = None) -> Send:
    """A GET over a kept-alive connection of each thread's own; another price each time for a "{}" in ``path``."""
    parts, own = urlsplit(base), threading.local()
    prices = itertools.count(100_000)
    sent = {"Accept": "application/json", **(headers or {})}

    def send() -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        own.connection.request("GET", path.format(next(prices)), headers=sent)
        answer = own.connection.getresponse()
        answer.read()
        assert answer.status in {200, 304}, answer.status

    return send


def _load(send: Send, count: int, pid: int, idle: float, finish: Callable[[], Any] | None = None) -> Measured:
    """Send ``count`` times, AT_ONCE at a time; ``idle`` is the CPU used per second without any load."""
    before, began = _cpu_s(pid), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: send(), range(count)))
    took = time.monotonic() - began
    if finish:
        finish()
    whole = time.monotonic() - began
    used = _cpu_s(pid) - before - idle * whole
    return Measured(count / (whole if finish else took), used / count * 1000)


def _idle(pid: int, seconds: float = 5) -> float:
    time.sleep(2)  # what start-up left to do
    before = _cpu_s(pid)
    time.sleep(seconds)
    return (_cpu_s(pid) - before) / seconds


def _cpu_s(pid: int) -> float:
    """CPU seconds of a process and all below it, with those that have ended."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(entry.name)] = int(fields[1])
        used[int(entry.name)] = sum(map(int, fields[11:15])) * _TICK_S
    return sum(ticks for child, ticks in used.items() if _is_below(child, pid, parents))


def _is_below(child: int, ancestor: int, parents: dict[int, int]) -> bool:
    while child and child != ancestor:
        child = parents.get(child, 0)
    return child == ancestor


def _statements(running: dict[str, Any], send: Send, count: int = 10) -> float:
    """SQL statements of one request, all roles' together; the least of three: sweeps fall into some."""
    return min(_logged_statements(running, send, count) for _ in range(3))


def _logged_statements(running: dict[str, Any], send: Send, count: int) -> float:
    """PostgreSQL's log of them, for a moment."""
    log = Path(running["var"]) / "log/postgres.log"
    with _logged(running):
        start = log.stat().st_size
        for _ in range(count):
            send()
    with log.open(errors="replace") as lines:
        lines.seek(start)
        return sum("LOG:  execute" in line or "LOG:  statement" in line for line in lines) / count


@contextmanager
def _logged(running: dict[str, Any]) -> Iterator[None]:
    url = running["roles"]["product"]["database_url"]
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("all", "none"):
            connection.execute(f"ALTER SYSTEM SET log_statement = '{setting}'")
            connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.3)  # until every backend has heard of it
            if setting == "all":
                yield


def _row(name: str, rounds: list[Measured], bare: list[Measured] | None, statements: float) -> None:
    speed = [one.per_second for one in rounds]
    ratio = (
        f"{statistics.median(a.per_second / b.per_second for a, b in zip(rounds, bare, strict=True)):.2f}"
        if bare
        else ""
    )
    cpu = [one.cpu_ms for one in rounds]
    print(f"{name:40}{_spread(speed, 0):>22}{ratio:>9}{_spread(cpu, 2):>20}{statements:6.1f}", flush=True)


def _spread(values: list[float], digits: int) -> str:
    low, *_, high = statistics.quantiles(values, n=10)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
