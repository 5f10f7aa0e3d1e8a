"""Idempotency keys over HTTP."""

from uuid import uuid4

from tests.shop_api.client import ADDRESS, Shop


def _receipt(shop: Shop, sku: str, quantity: int) -> dict[str, object]:
    return {"sku": sku, "warehouse": shop.warehouse(), "quantity": quantity, "reference": "test"}


def test_a_receipt_counts_once(shop: Shop) -> None:
    """A repeat with the same key and body adds nothing and says so."""
    sku, key = shop.product(), uuid4().hex
    first = shop.staff.post("/inventory/receipts", _receipt(shop, sku, 5), key=key)
    again = shop.staff.post("/inventory/receipts", _receipt(shop, sku, 5), key=key)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert shop.available(sku) == 5


def test_a_key_is_not_used_for_another_request(shop: Shop) -> None:
    """422, and nothing is done."""
    sku, key = shop.product(), uuid4().hex
    shop.staff.post("/inventory/receipts", _receipt(shop, sku, 5), key=key)
    other = shop.staff.post("/inventory/receipts", _receipt(shop, sku, 6), key=key)
    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert shop.available(sku) == 5


def test_a_key_is_its_callers_own(shop: Shop) -> None:
    """Two customers may use the same key for their own orders."""
    sku, key = shop.product(on_hand=2), uuid4().hex
    numbers = {shop.buy(shop.customer(), sku, key=key).body["number"] for _ in range(2)}
    assert len(numbers) == 2


def test_a_decline_is_replayed(shop: Shop) -> None:
    """The same key gets the same refusal; only a new key tries again."""
    sku, who, key = shop.product(on_hand=1), shop.customer(), uuid4().hex
    quote = shop.quote(who, sku).body["id"]
    first = shop.pay(who, quote, "tok_declined", key)
    again = shop.pay(who, quote, "tok_declined", key)
    assert (first.status, first.problem) == (again.status, again.problem) == (402, "payment-declined")
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refusal_that_left_nothing_behind_runs_again(shop: Shop) -> None:
    """Out of stock when it was first sent, in stock at the repeat: the same key now gets its quote."""
    sku, who, key = shop.product(), shop.customer(), uuid4().hex
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "lines": [{"sku": sku, "quantity": 1}]}
    assert who.post("/order/quotes", body, key=key).problem == "out-of-stock"
    shop.stock(sku, 1)
    again = who.post("/order/quotes", body, key=key)
    assert again.status == 201
    assert "Idempotency-Replayed" not in again.headers
