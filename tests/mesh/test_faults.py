"""The faults of istio/faults/ in the real shop: what customers notice, what they do not, and that nothing is lost."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest

from deploy import faults
from deploy.lab import cluster
from deploy.lab.lab import ROOT, Lab
from tests.cluster.customers import at_rest
from tests.cluster.shop import audit
from tests.cluster.waiting import settled
from tests.mesh.binomial import within
from tests.shop_api.client import Answer, Api, Shop

TESTER = {"Baggage": "fault=payment"}
ORDERS = 30


@contextmanager
def fault(lab: Lab, name: str) -> Iterator[None]:
    """``make fault NAME=name``, and ``make fault-clear`` afterwards."""
    assert commanded(lab, name) == (0, "")
    try:
        yield
    finally:
        assert commanded(lab, "clear") == (0, "")


def commanded(lab: Lab, name: str) -> tuple[int, str]:
    """Exit status of ``make fault NAME=name``, and what it says of its failure."""
    command = cluster.in_network(lab, sys.executable, "-m", "deploy.faults", name)
    done = subprocess.run(command, cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture(autouse=True)
def nothing_parked(shop: Shop) -> Iterator[None]:
    """After each fault no order waits for an operator."""
    yield
    assert shop.staff.get("/order/orders?parked=true&limit=100").body["results"] == []


@pytest.fixture(autouse=True, scope="module")
def nothing_lost(lab: Lab) -> Iterator[None]:
    """After all of them the books agree."""
    yield
    assert audit(lab) == (0, "")


def _seconds(send: Callable[[], Answer], *, statuses: set[int]) -> float:
    began = time.monotonic()
    answer = send()
    took = time.monotonic() - began
    assert answer.status in statuses, answer
    return took


def _quote(shop: Shop, sku: str) -> Answer:
    """Any answer; a client of its own, or its cart would be another one's."""
    return shop.quote(Api(shop.anyone.base_url), sku)


def test_a_delay_of_inventory_slows_what_asks_it_and_nothing_else(lab: Lab, shop: Shop) -> None:
    sku = shop.product(on_hand=10)

    def is_slow() -> bool:
        return _seconds(lambda: _quote(shop, sku), statuses={201}) > 1.4

    filled = shop.anyone.post("/cart/items", {"sku": sku, "quantity": 1})
    guest = shop.anyone.and_headers(**{"X-Cart-Token": filled.body["token"]})

    def a_cart_is_slow() -> bool:
        return _seconds(lambda: guest.get("/cart"), statuses={200}) > 1.4

    settled(is_slow, False)
    settled(a_cart_is_slow, False)
    with fault(lab, "delay-inventory"):
        settled(is_slow, True)
        settled(a_cart_is_slow, True)
        listed = [_seconds(lambda: shop.anyone.get(f"/product/products/{sku}"), statuses={200}) for _ in range(20)]
        shown = [_seconds(lambda: shop.anyone.get("/shipping/methods"), statuses={200}) for _ in range(20)]
        placed = shop.pay(shop.anyone, _quote(shop, sku).body["id"], key=uuid4().hex)
        states = at_rest(shop, [placed.body["number"]])
    print(f"slowest of 20: product {max(listed):.2f} s, shipping {max(shown):.2f} s; order {placed.status}, {states}")
    assert max(listed + shown) < 1.4
    assert placed.status == 202
    assert states == {"delivered": 1}
    settled(is_slow, False)


def test_half_of_the_calls_to_payment_refused_is_202_and_decided_later(lab: Lab, shop: Shop) -> None:
    sku = shop.product(on_hand=3 * ORDERS)

    def buy(key: object) -> Answer:
        return shop.pay(shop.anyone, shop.quote(shop.anyone, sku).body["id"], key=f"{sku}-{key}")

    settled(lambda: buy(uuid4()).status, 201, times=1)
    with fault(lab, "abort-payment"):
        settled(lambda: buy(uuid4()).status, 202, times=1)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(buy, range(ORDERS)))
    settled(lambda: buy(uuid4()).status, 201, times=1)
    statuses = Counter(answer.status for answer in answers)
    states = at_rest(shop, [answer.body["number"] for answer in answers])
    print(f"answers {dict(statuses)}; orders {dict(states)}")
    assert set(statuses) == {201, 202}
    assert within(statuses[202], of=ORDERS, share=0.5)
    assert set(states) <= {"delivered", "rejected"}
    assert states["delivered"] > ORDERS / 2


def test_a_tester_alone_finds_payment_gone(lab: Lab, shop: Shop) -> None:
    """By W3C baggage, which order hands on; the worker carries none, and ends what the tester began."""
    sku = shop.product(on_hand=20)
    tester = shop.anyone.and_headers(**TESTER)

    def buys(who: Api) -> Answer:
        return shop.pay(who, shop.quote(who, sku).body["id"], key=uuid4().hex)

    with fault(lab, "abort-payment-by-header"):
        settled(lambda: buys(tester).status, 202)
        orders = [buys(shop.anyone) for _ in range(5)]
        wished = buys(tester)
    assert [order.status for order in orders] == [201] * 5
    assert wished.status == 202
    assert at_rest(shop, [wished.body["number"]]) == {"delivered": 1}


def test_shipping_cut_off_ends_quotes_and_nothing_else(lab: Lab, shop: Shop) -> None:
    sku = shop.product(on_hand=10)
    before = _quote(shop, sku).body["id"]
    with fault(lab, "cut-off-shipping"):
        settled(lambda: shop.anyone.get("/shipping/methods").status, 503)
        refused = _quote(shop, sku)
        outside = shop.anyone.get("/shipping/methods")
        placed = shop.pay(shop.anyone, before, key=uuid4().hex)
        assert shop.anyone.get(f"/product/products/{sku}").status == 200
        assert shop.anyone.post("/cart/items", {"sku": sku, "quantity": 1}).status == 201
    print(
        f"quote {refused.status} {refused.problem}, shipping {outside.status} {outside.problem}, order {placed.status}"
    )
    assert (refused.status, outside.status, outside.problem) == (503, 503, "unavailable")
    assert refused.problem
    assert placed.status == 201
    assert at_rest(shop, [placed.body["number"]]) == {"delivered": 1}
    settled(lambda: _quote(shop, sku).status, 201)


def test_a_slow_version_slows_its_own_share(lab: Lab, shop: Shop) -> None:
    sku = shop.product()

    def asked() -> tuple[str, float]:
        began = time.monotonic()
        answer = shop.anyone.get(f"/product/products/{sku}")
        assert answer.status == 200
        return answer.headers["X-Service-Version"], time.monotonic() - began

    def any_slow() -> bool:
        return any(took >= 1 for _, took in (asked() for _ in range(60)))

    with fault(lab, "slow-version"):
        settled(any_slow, True, times=1)
        with ThreadPoolExecutor(4) as pool:
            seen = list(pool.map(lambda _: asked(), range(300)))
    slow = [version for version, took in seen if took >= 1]
    print(f"{len(slow)} of {len(seen)} slow, all of {set(slow)}")
    assert set(slow) == {"v2"}
    assert all(took >= 1 for version, took in seen if version == "v2")
    assert within(len(slow), of=len(seen), share=26 / 256)


def test_every_fault_has_its_test() -> None:
    """By the name that the tests above give to ``fault``."""
    with open(__file__) as source:
        text = source.read()
    assert [name for name in faults.names() if f'fault(lab, "{name}")' not in text] == []
