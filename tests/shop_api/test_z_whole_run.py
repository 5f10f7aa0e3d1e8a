"""Looks back on everything the suite has done; ``last`` keeps it at the end."""

import os
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import urllib3

from shop.roles import ROLES, Pair, pairs
from tests.shop_api.client import Answer, Shop, wait_for
from tests.shop_api.conftest import Audit

pytestmark = pytest.mark.last

ORDERS = 200
_SERIES = re.compile(r'^shop_internal_requests_total\{callee="(\w+)",caller="(\w+)",purpose="(\w+)"\}', re.MULTILINE)


def test_two_hundred_orders_with_a_card_that_may_fail(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Between 9 and 33 of 200 are declined, each compensated; none is stuck or parked."""
    sku = shop.product(on_hand=ORDERS)

    def place(number: int) -> Answer:
        return shop.buy(shop.anyone, sku, token="tok_visa", key=f"two-hundred-{number}")

    with ThreadPoolExecutor(4) as pool:  # more would wait longer on two cores than an order may take here
        answers = list(pool.map(place, range(ORDERS)))
    numbers = [answer.body["number"] for answer in answers if answer.status in {201, 202}]
    declined = {number for number, answer in enumerate(answers) if answer.status == 402}
    orders = [shop.wait_for_state(number, ["confirmed", "shipped", "delivered", "rejected"]) for number in numbers]
    states = Counter("rejected" if order["status"] == "rejected" else "confirmed" for order in orders)
    rejected = len(declined) + states["rejected"]
    parked = sum(order["parked"] for order in orders)
    with capsys.disabled():
        print(f"\n200 orders: confirmed {states['confirmed']}, rejected {rejected}, parked {parked}")
        print(f"declined keys: {sorted(declined)}")
    assert states["confirmed"] + rejected == ORDERS
    assert 9 <= rejected <= 33
    assert parked == 0
    wait_for(lambda: shop.available(sku), lambda units: units == rejected)


def test_the_books_agree(audit: Audit) -> None:
    """After all of the suite nothing is under way and the audit is silent."""
    assert audit() == []


def test_nothing_is_parked(shop: Shop) -> None:
    """No order waits for a person."""
    parked = shop.staff.get("/order/orders?parked=true&limit=100").body["results"]
    assert parked == []


def test_the_pairs_seen_are_the_pairs_of_the_table(shop: Shop) -> None:
    """Every pair of shop/roles.py was used during the suite, and no other."""
    table = set(pairs())
    for_keys = {pair for pair in table if pair.purpose == "keys"}
    seen = wait_for(partial(_seen, shop), for_keys.issubset, within_s=_KEYS_ASKED_WITHIN_S)
    assert (sorted(map(str, table - seen)), sorted(map(str, seen - table))) == ([], [])


_KEYS_ASKED_WITHIN_S = 330  # a role asks for them when it starts and every 300 s; user may have started later


def _seen(shop: Shop) -> set[Pair]:
    """The pairs that were counted so far; each role has been sent a token."""
    for role in ROLES:
        assert shop.staff.get(f"/{role}").status == 200
    text = "".join(map(_metrics, os.environ["SHOP_METRICS"].split()))
    return {Pair(caller, callee, purpose) for callee, caller, purpose in _SERIES.findall(text)}


def _metrics(url: str) -> str:
    """Nothing where nobody answers: a cluster that had more pods under load has taken some away since."""
    try:
        return urllib3.request("GET", f"{url}/metrics", retries=False).data.decode()
    except urllib3.exceptions.HTTPError:
        return ""
