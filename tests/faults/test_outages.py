"""What the others do while one is away. Each docstring was written before the test was run."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.faults import journeys
from tests.faults.stage import HURRIED_S, Stage
from tests.shop_api.client import Shop, wait_for

ORDERS = 50
_DONE = ["delivered"]


def _quote_status(stage: Stage, sku: str) -> int:
    """Of a client who does not wait."""
    return Shop(anyone=stage.anyone, staff=stage.anyone).quote(stage.anyone, sku).status


@pytest.mark.split_only
def test_notification_down(stage: Stage) -> None:
    """The order is confirmed and delivered as ever. Its mails come once notification is back."""
    sku = stage.shop.product(on_hand=1)
    with stage.down("notification"):
        placed = journeys.place(stage, sku, quantity=1)
        assert (placed.answer.status, placed.answer.body["status"]) == (201, "confirmed")
        stage.shop.wait_for_state(placed.number, "delivered")
        assert stage.mails_to(placed.email) == []
    mails = wait_for(lambda: stage.mails_to(placed.email), lambda found: len(found) >= 3, within_s=60)
    assert len({mail["message_id"] for mail in mails}) == 3


@pytest.mark.split_only
def test_payment_down_for_a_moment(stage: Stage) -> None:
    """202; payment is back before the deadline: confirmed, charged once."""
    sku = stage.shop.product(on_hand=1)
    quote = stage.shop.quote(stage.shop.anyone, sku).body["id"]
    key = uuid4().hex
    with stage.down("payment"):
        placed = stage.shop.pay(stage.shop.anyone, quote, key=key)
        assert placed.status == 202, placed
        assert placed.headers["Location"].endswith(placed.body["number"])
        assert stage.shop.order(placed.body["number"])["status"] == "pending"
    order = stage.shop.wait_for_state(placed.body["number"], "delivered", 60)
    assert order["parked"] is False
    assert [line["kind"] for line in stage.gateway_lines(key)] == ["authorisation", "capture"]


@pytest.mark.split_only
def test_payment_down_for_longer(stage: Stage) -> None:
    """202; no decision by the deadline: rejected as payment-unavailable. Back again, payment holds nothing."""
    sku = stage.shop.product(on_hand=1)
    quote = stage.shop.quote(stage.shop.anyone, sku).body["id"]
    key = uuid4().hex
    with stage.hurried(), stage.down("payment"):
        placed = stage.shop.pay(stage.shop.anyone, quote, key=key)
        assert placed.status == 202, placed
        order = stage.shop.wait_for_state(placed.body["number"], "rejected", HURRIED_S + 30)
        assert (order["reason"], order["parked"]) == ("payment-unavailable", False)
        wait_for(lambda: stage.shop.available(sku), lambda units: units == 1)
    assert stage.gateway_lines(key) == []


@pytest.mark.split_only
def test_shipping_down(stage: Stage) -> None:
    """A quote is 503; catalogue, cart and orders work. A confirmed order waits, and ships once shipping is back."""
    sku = stage.shop.product(on_hand=3)
    placed = journeys.place(stage, sku, quantity=1)
    assert placed.answer.body["status"] == "confirmed", placed.answer
    with stage.down("shipping"):
        assert _quote_status(stage, sku) == 503
        assert stage.anyone.get(f"/product/products/{sku}").status == 200
        assert stage.anyone.post("/cart/items", {"sku": sku, "quantity": 1}).status == 201
        wait_for(lambda: stage.shop.order(placed.number)["payment"]["status"], lambda status: status == "authorised")
        assert stage.shop.order(placed.number)["status"] == "confirmed"
    assert stage.shop.wait_for_state(placed.number, "delivered", 60)["parked"] is False


@pytest.mark.split_only
def test_inventory_down(stage: Stage) -> None:
    """Browsing works, with the stock last heard of; a quote is 503."""
    sku = stage.shop.product(on_hand=2)
    wait_for(lambda: stage.anyone.get(f"/product/products/{sku}").body["available"], lambda units: units == 2)
    with stage.down("inventory"):
        assert stage.anyone.get("/product/products?limit=20").status == 200
        assert stage.anyone.get(f"/product/products/{sku}").body["available"] == 2
        assert _quote_status(stage, sku) == 503
    assert _quote_status(stage, sku) == 201


def test_no_wake_up_arrives(stage: Stage) -> None:
    """Without the broker orders are confirmed as fast as ever; back and empty, the sweep finds all that is due."""
    sku = stage.shop.product(on_hand=5)
    stage.control.stop("valkey")
    try:
        placed = [journeys.place(stage, sku, quantity=1) for _ in range(5)]
        assert {each.answer.status for each in placed} == {201}
    finally:
        stage.control.start("valkey")
    for each in placed:
        assert stage.shop.wait_for_state(each.number, _DONE, 60)["parked"] is False


def test_the_broker_is_killed(stage: Stage) -> None:
    """Whatever it held in memory is gone; every order is delivered all the same."""
    sku = stage.shop.product(on_hand=5)
    placed = [journeys.place(stage, sku, quantity=1) for _ in range(4)]
    stage.control.kill("valkey")
    placed.append(journeys.place(stage, sku, quantity=1))
    for each in placed:
        assert stage.shop.wait_for_state(each.number, _DONE, 60)["parked"] is False


def test_the_worker_is_killed_while_fifty_orders_are_under_way(stage: Stage) -> None:
    """Killed three times by SIGKILL: each order is delivered and charged once."""
    sku = stage.shop.product(on_hand=ORDERS)
    with ThreadPoolExecutor(8) as pool:
        placing = [pool.submit(journeys.place, stage, sku, quantity=1) for _ in range(ORDERS)]
        placed = [each.result() for each in placing]
        for _ in range(3):
            stage.control.wait(stage.worker, "ready")
            stage.control.kill(stage.worker)
        for each in placed:
            assert stage.shop.wait_for_state(each.number, _DONE, 90)["parked"] is False
            assert [line["kind"] for line in stage.gateway_lines(each.key)] == ["authorisation", "capture"]
    assert stage.shop.available(sku) == 0
