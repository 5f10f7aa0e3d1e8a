"""Taking it back: cancellation before the parcel is booked, refunds after."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from tests.shop_api.client import Answer, Shop, wait_for


def _refund(shop: Shop, number: str, amount: str, key: str | None = None) -> Answer:
    body = {"amount": {"amount": amount, "currency": "EUR"}}
    return shop.staff.post(f"/order/orders/{number}/refunds", body, key=key or uuid4().hex)


def test_a_confirmed_order_can_be_cancelled(shop: Shop) -> None:
    """200 or 202, then cancelled: the unit is free, the authorisation void; a repeat changes nothing."""
    sku, who = shop.product(on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    cancelled = who.post(f"/order/orders/{number}/cancel")
    assert cancelled.status in {200, 202}, cancelled
    order = shop.wait_for_state(number, "cancelled")
    assert order["reason"] == "cancelled"
    wait_for(lambda: shop.available(sku), lambda units: units == 1)
    wait_for(lambda: shop.order(number)["payment"], lambda payment: payment["status"] == "voided")
    assert who.post(f"/order/orders/{number}/cancel").status == 200


def test_a_shipped_order_cannot_be_cancelled(shop: Shop) -> None:
    """409 too-late-to-cancel, and it goes on to the customer."""
    sku, who = shop.product(on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    shop.wait_for_state(number, ["shipped", "delivered"])
    refused = who.post(f"/order/orders/{number}/cancel")
    assert (refused.status, refused.problem) == (409, "too-late-to-cancel")
    shop.wait_for_state(number, "delivered")


def test_refunds_never_exceed_what_was_captured(shop: Shop) -> None:
    """Partial refunds until the whole is reached; what goes beyond is refused; a repeat is a replay."""
    sku, who = shop.product(price="30.00", on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    total = shop.wait_for_state(number, "delivered")["total"]["amount"]
    key = uuid4().hex
    first = _refund(shop, number, "10.00", key)
    assert (first.status, first.body["amount"]["amount"]) == (201, "10.00")
    replay = _refund(shop, number, "10.00", key)
    assert replay.body["id"] == first.body["id"]
    over = _refund(shop, number, total)
    assert (over.status, over.problem) == (409, "refund-exceeds-captured")
    wait_for(lambda: shop.order(number)["refunded"]["amount"], lambda amount: amount == "10.00")


def test_refunds_at_once_share_one_limit(shop: Shop) -> None:
    """Ten refunds of a third each, at once: three succeed."""
    sku, who = shop.product(price="30.00", on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    shop.wait_for_state(number, "delivered")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: _refund(shop, number, "10.00"), range(10)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] * 3 + [409] * 7


def test_only_staff_refund(shop: Shop) -> None:
    """A customer cannot give themselves their money back."""
    sku, who = shop.product(on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    body = {"amount": {"amount": "1.00", "currency": "EUR"}}
    assert who.post(f"/order/orders/{number}/refunds", body, key="x").status in {403, 404}


def test_nothing_is_refunded_before_it_is_captured(shop: Shop) -> None:
    """A refund of an order that holds only an authorisation is refused."""
    sku, who = shop.product(on_hand=1), shop.customer()
    number = shop.buy(who, sku).body["number"]
    refused = _refund(shop, number, "1.00")
    assert (refused.status, refused.problem) == (409, "refund-exceeds-captured")
