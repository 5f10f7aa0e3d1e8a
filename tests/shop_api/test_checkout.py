"""Buying: as a customer, as a guest, and every way in which it can be refused."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.shop_api.client import ADDRESS, Shop, wait_for


def test_a_customer_buys_and_it_is_delivered(shop: Shop) -> None:
    """Cart, quote, order, confirmed at once; later shipped and delivered, the cart empty, the stock less."""
    sku, who = shop.product(price="19.99", on_hand=5), shop.customer()
    assert who.post("/cart/items", {"sku": sku, "quantity": 2}).status == 201
    quote = who.post("/order/quotes", {"shipping_address": ADDRESS, "shipping_method": "standard"})
    assert quote.status == 201, quote
    placed = shop.pay(who, quote.body["id"])
    assert (placed.status, placed.body["status"]) == (201, "confirmed")
    assert placed.body["total"] == quote.body["total"]
    number = placed.body["number"]
    delivered = shop.wait_for_state(number, "delivered")
    assert delivered["payment"]["status"] == "captured"
    attempts = wait_for(lambda: shop.order(number)["payment"]["attempts"], lambda told: len(told) == 2)
    assert [attempt["outcome"] for attempt in attempts] == ["authorised", "captured"]
    assert delivered["shipments"][0]["status"] == "delivered"
    assert shop.available(sku) == 3
    wait_for(lambda: who.get("/cart").body["items"], lambda items: items == [])
    states = [row["to"] for row in who.get(f"/order/orders/{number}/timeline").body["results"] if row.get("to")]
    assert states == ["pending", "confirmed", "shipped", "delivered"]


def test_a_guest_buys_with_a_cart_token(shop: Shop) -> None:
    """A guest needs no account: the cart's token, then the order's, are all they have."""
    sku = shop.product(on_hand=1)
    added = shop.anyone.post("/cart/items", {"sku": sku, "quantity": 1})
    guest = shop.anyone.and_headers(**{"X-Cart-Token": added.headers["X-Cart-Token"]})
    quote = guest.post(
        "/order/quotes", {"shipping_address": ADDRESS, "shipping_method": "standard", "email": "guest@example.com"}
    )
    assert quote.status == 201, quote
    placed = shop.pay(guest, quote.body["id"])
    assert placed.status == 201, placed
    path = f"/order/orders/{placed.body['number']}"
    assert shop.anyone.get(path).status == 404
    seen = shop.anyone.get(path, headers={"X-Order-Token": placed.body["access_token"]})
    assert (seen.status, seen.body["number"]) == (200, placed.body["number"])


@pytest.mark.parametrize("token", ["tok_declined", "tok_insufficient_funds"])
def test_a_declined_card_frees_everything(shop: Shop, token: str) -> None:
    """402; the units are free again, and the same quote can be paid with another card and a new key."""
    sku, who = shop.product(on_hand=1), shop.customer()
    quote = shop.quote(who, sku).body["id"]
    declined = shop.pay(who, quote, token)
    assert (declined.status, declined.problem) == (402, "payment-declined")
    wait_for(lambda: shop.available(sku), lambda units: units == 1)
    paid = shop.pay(who, quote)
    assert (paid.status, paid.body["status"]) == (201, "confirmed")


def test_a_quote_makes_one_order(shop: Shop) -> None:
    """A second order for a used quote is refused; a later replay of the first is not a second."""
    sku, who = shop.product(on_hand=5), shop.customer()
    quote = shop.quote(who, sku).body["id"]
    first = shop.pay(who, quote, key="first-" + quote)
    second = shop.pay(who, quote)
    assert (second.status, second.problem) == (409, "quote-used")
    replay = shop.pay(who, quote, key="first-" + quote)
    assert (replay.status, replay.body["number"]) == (201, first.body["number"])
    assert replay.headers["Idempotency-Replayed"] == "true"


def test_a_quote_expires(shop: Shop) -> None:
    """After its lifetime a quote is refused and leaves nothing behind."""
    sku, who = shop.product(on_hand=1), shop.customer()
    quote = shop.quote(who, sku).body["id"]

    def late() -> tuple[int, str]:
        shown = who.get(f"/order/quotes/{quote}").body
        return (0, "") if not shown["expired"] else (1, "")

    wait_for(late, lambda state: state[0] == 1, within_s=40)
    answer = shop.pay(who, quote)
    assert (answer.status, answer.problem) == (409, "quote-expired")
    assert shop.available(sku) == 1


def test_more_than_there_is_cannot_be_quoted(shop: Shop) -> None:
    """409 names what is short, and by how much."""
    sku = shop.product(on_hand=2)
    refused = shop.quote(shop.customer(), sku, quantity=5)
    assert (refused.status, refused.problem) == (409, "out-of-stock")
    assert refused.body["short"] == {sku: 3}


def test_the_last_unit_is_sold_once(shop: Shop) -> None:
    """Twenty buyers at once, one unit: one order, also where some are answered before they are decided."""
    sku = shop.product(on_hand=1)
    buyers = [shop.anyone for _ in range(20)]
    quotes = [shop.quote(buyer, sku).body["id"] for buyer in buyers]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda quote: shop.pay(shop.anyone, quote), quotes))
    assert {(answer.status, answer.problem) for answer in answers} <= {(201, ""), (202, ""), (409, "out-of-stock")}
    placed = [answer.body["number"] for answer in answers if answer.status != 409]
    ends = [shop.wait_for_state(number, ["confirmed", "shipped", "delivered", "rejected"]) for number in placed]
    assert [order["status"] != "rejected" for order in ends].count(True) == 1
    assert shop.available(sku) == 0


def test_prices_are_frozen_by_the_quote(shop: Shop) -> None:
    """A price that changes after the quote is not the price that is paid."""
    sku, who = shop.product(price="10.00", on_hand=1), shop.customer()
    quote = shop.quote(who, sku).body
    product = shop.anyone.get(f"/product/products/{sku}").body
    changed = shop.staff.patch(
        f"/product/products/{sku}", {"variants": [{"sku": sku, "price": {"amount": "99.00", "currency": "EUR"}}]}
    )
    assert changed.status == 200, (changed, product)
    placed = shop.pay(who, quote["id"])
    assert placed.body["total"] == quote["total"]


def test_totals_add_up(shop: Shop) -> None:
    """Lines, discount, shipping and tax make the total, as the quote says they do."""
    from decimal import Decimal

    sku = shop.product(price="19.99", on_hand=9)
    quote = shop.quote(shop.customer(), sku, quantity=3).body

    def amount(name: str) -> Decimal:
        return Decimal(quote[name]["amount"])

    assert amount("subtotal") == sum(Decimal(line["line_total"]["amount"]) for line in quote["lines"])
    extra = Decimal(0) if quote["prices_include_tax"] else amount("tax")
    assert amount("total") == amount("subtotal") - amount("discount") + amount("shipping") + extra
    assert amount("tax") > 0


@pytest.mark.parametrize("token", ["tok_timeout_then_ok"])
def test_an_answer_that_was_lost_is_not_a_second_charge(shop: Shop, token: str) -> None:
    """The gateway authorised and never said so: the client sees 202, then a confirmed order, charged once."""
    sku, who = shop.product(on_hand=1), shop.customer()
    placed = shop.buy(who, sku, token=token)
    assert placed.status in {201, 202}, placed
    order = shop.wait_for_state(placed.body["number"], ["confirmed", "shipped", "delivered"])
    assert order["parked"] is False


def test_a_gateway_that_is_away_ends_in_a_rejection(shop: Shop) -> None:
    """No decision by the pending deadline: rejected as payment-unavailable, the unit free, nothing charged."""
    sku, who = shop.product(on_hand=1), shop.customer()
    placed = shop.buy(who, sku, token="tok_unavailable")
    assert placed.status == 202, placed
    assert placed.headers["Location"].endswith(placed.body["number"])
    assert int(placed.headers["Retry-After"]) >= 1
    order = shop.wait_for_state(placed.body["number"], "rejected")
    assert order["reason"] == "payment-unavailable"
    wait_for(lambda: shop.available(sku), lambda units: units == 1)


def test_one_key_sent_fifty_times_at_once_is_one_order(shop: Shop) -> None:
    """Every answer is the outcome of one order, or says that it is still under way."""
    sku, who = shop.product(on_hand=50), shop.customer()
    quote, key = shop.quote(who, sku).body["id"], uuid4().hex
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: shop.pay(who, quote, key=key), range(50)))
    assert {answer.status for answer in answers} <= {201, 202}
    assert len({answer.body["number"] for answer in answers}) == 1
    assert shop.available(sku) == 49
