"""``make bench``: what a request costs in each topology, beside a view that does nothing behind the same server.

The topologies are one process, eight services behind a proxy and, where a lab runs here, eight services in it
(lab.py). Every figure is a median over ten rounds in which the things compared take turns, with the spread
from the first to the ninth decile. CPU is that of all the shop's processes and PostgreSQL, in the lab of all of
the lab, with what they use when idle subtracted; the client's own is not in it. A first start's pictures are
drawn before.

``python -m tools.bench [one] [split] [lab]`` measures some of them.
"""

import signal
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise
from uuid import uuid4

from deploy.lab.lab import Lab, LabError
from tests.shop_api.client import Api, Shop
from tools.bench import lab, started
from tools.bench.load import AT_ONCE, Measured, Send, Target, getter, idle, load

KINDS = ["one", "split", "lab"]
ROUNDS = 10
REQUESTS = 300  # of one page in one round
ORDERS = 40  # of one round
SUSTAINED = 400  # in a row: what waiting for the last one costs is then shared by many
_CONFIRMED = ["confirmed", "shipped", "delivered"]
_DELIVERED_S = 120

Figures = dict[str, float]  # what was measured, in requests of the bare view


def main() -> int:
    """Print the tables."""
    wanted = sys.argv[1:] or KINDS
    if not set(wanted) <= set(KINDS):
        sys.exit(f"What is to be measured? {', '.join(KINDS)}, or nothing for all.")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # what was changed is put back
    print(f"{AT_ONCE} at a time, {ROUNDS} rounds; median (first to ninth decile)\n")
    print(f"{'':40}{'requests/s':>22}{'of bare':>9}{'CPU ms':>20}{'SQL':>6}")
    found = {kind: _measured(partial(started.running, kind)) for kind in KINDS[:2] if kind in wanted}
    if KINDS[2] in wanted:
        found |= _measured_in_lab(Lab.chosen())
    print("\n" + "\n".join(compared(found)))
    return 0


def _measured_in_lab(chosen: Lab) -> dict[str, Figures]:
    """Nothing but a line where it cannot be. Raises LabError."""
    try:
        lab.require(chosen)
    except LabError as missing:
        print(f"\nEight services in the lab were left out. {missing}")
        return {}
    figures = _measured(partial(lab.running, chosen))
    print("\n" + "\n".join(lab.memory(chosen)))
    return {KINDS[2]: figures}


def _measured(running: Callable[..., AbstractContextManager[Target]]) -> Figures:
    with running(FULFILMENT_DELAY_S="600") as target:
        figures = {**_pages(target), **_orders(target, "quote to confirmed", delivered=False)}
    with running(FULFILMENT_DELAY_S="0", CARRIER_SPEED="1000") as target:
        return {**figures, **_orders(target, "quote to delivered", delivered=True), **_in_a_row(target)}


def _pages(target: Target) -> Figures:
    base = target.known["SHOP_BASE_URL"]
    listed = Api(base).get("/product/products?limit=20")
    sku, tag = listed.body["results"][0]["sku"], listed.headers["ETag"]
    return _compared_with_bare(
        target,
        {
            "list of 20": getter(f"{base}/product/products?limit=20"),
            "list of 20, nobody read it before": getter(f"{base}/product/products?limit=20&price_max={{}}"),
            "list of 20, unchanged (304)": getter(f"{base}/product/products?limit=20", {"If-None-Match": tag}),
            "detail": getter(f"{base}/product/products/{sku}"),
        },
    )


def _compared_with_bare(target: Target, pages: Mapping[str, Send]) -> Figures:
    sent = {"bare view": getter(target.bare_url), **pages}
    at_rest = idle(target)
    rounds: dict[str, list[Measured]] = {name: [] for name in sent}
    for _ in range(ROUNDS):
        for name, send in sent.items():
            rounds[name].append(load(target, send, REQUESTS, at_rest))
    return {
        name: _row(target, name, measured, rounds["bare view"], _statements(target, sent[name], 10))
        for name, measured in rounds.items()
    }


def _orders(target: Target, name: str, *, delivered: bool) -> Figures:
    buyer, bare, at_rest = _Buyer(target), getter(target.bare_url), idle(target)
    rounds, beside = [], []
    for _ in range(ROUNDS):
        beside.append(load(target, bare, REQUESTS, at_rest))
        rounds.append(load(target, buyer.buy, ORDERS, at_rest, buyer.wait_until_delivered if delivered else None))
    return {name: _row(target, name, rounds, beside, _statements(target, buyer.buy, 5))}


def _in_a_row(target: Target) -> Figures:
    buyer, name = _Buyer(target), f"{SUSTAINED} orders, until the last is there"
    beside = [load(target, getter(target.bare_url), REQUESTS, 0) for _ in range(ROUNDS)]
    run = load(target, buyer.buy, SUSTAINED, 0, buyer.wait_until_delivered)
    share = run.per_second / statistics.median(one.per_second for one in beside)
    print(f"{f'{target.kind}: {name}':40}{run.per_second:22.1f}{share:9.3f}", flush=True)
    return {name: share}


class _Buyer:
    """Orders of one product, whose stock does not end."""

    def __init__(self, target: Target) -> None:
        anyone = Api(target.known["SHOP_BASE_URL"])
        sign_in = {"email": target.known["SHOP_STAFF_EMAIL"], "password": target.known["SHOP_STAFF_PASSWORD"]}
        token = anyone.post("/user/token", sign_in).body["access"]
        self._shop = Shop(anyone=anyone, staff=anyone.and_headers(Authorization=f"Bearer {token}"))
        self._sku = self._shop.product(on_hand=10_000)
        self._numbers: list[str] = []

    def buy(self) -> None:
        """Quote, pay, and wait for a decision that takes longer than the answer may (202)."""
        placed = self._shop.buy(self._shop.anyone, self._sku, token="tok_always_ok", key=uuid4().hex)
        assert placed.status in {201, 202}, placed
        if placed.status == 202:
            self._shop.wait_for_state(placed.body["number"], _CONFIRMED)
        self._numbers.append(placed.body["number"])

    def wait_until_delivered(self) -> None:
        """All that were bought since the last time."""
        for number in self._numbers:
            self._shop.wait_for_state(number, "delivered", within_s=_DELIVERED_S)
        self._numbers.clear()


def _statements(target: Target, send: Send, count: int) -> str:
    return f"{target.statements(send, count):.1f}" if target.statements else ""


def _row(target: Target, name: str, rounds: list[Measured], bare: list[Measured], statements: str) -> float:
    """Print it; how many there are to one of the bare view."""
    speed, cpu = [one.per_second for one in rounds], [one.cpu_ms for one in rounds]
    share = statistics.median(a.per_second / b.per_second for a, b in zip(rounds, bare, strict=True))
    shown = f"{f'{target.kind}: {name}':40}{_spread(speed, 0):>22}{share:9.3f}{_spread(cpu, 2):>20}{statements:>6}"
    print(shown, flush=True)
    return share


def _spread(values: list[float], digits: int) -> str:
    low, *_, high = statistics.quantiles(values, n=10)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def compared(found: Mapping[str, Figures]) -> Iterator[str]:
    """A table of each topology's figures, and of each divided by that of the one before."""
    steps = [f"{after} ÷ {before}" for before, after in pairwise(found)]
    yield f"{'requests to one of the bare view':40}" + "".join(f"{head:>14}" for head in [*found, *steps])
    for name in next(iter(found.values())):
        shares = [figures[name] for figures in found.values()]
        cells = [*(f"{share:.3f}" for share in shares), *(f"{b / a:.2f}" for a, b in pairwise(shares))]
        yield f"{name:40}" + "".join(f"{cell:>14}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
