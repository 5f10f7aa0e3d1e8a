"""Buying, from the quote to the door, and every way in which it ends earlier."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from apps.order.models import Order, Quote
from apps.order.services import ALPHABET
from tests.order.world import ADDRESS, Answer, Caller, Tuned, World, available, broken, order, timeline


def test_a_customer_buys_and_it_is_delivered(shop: World) -> None:
    """Confirmed in the answer; later shipped and delivered, paid once, the units gone."""
    sku, who = shop.sku(5), shop.customer()
    quote = who.quote({sku: 2})
    assert quote.status == 201, quote
    placed = who.pay(quote.body["id"])
    assert (placed.status, placed.body.get("status")) == (201, "confirmed"), placed
    assert placed.body["total"] == quote.body["total"]
    shop.reach(placed.body["number"], "delivered")
    page = who.get(f"/order/orders/{placed.body['number']}").body
    assert page["payment"]["status"] == "captured"
    assert page["shipments"][0]["status"] == "delivered"
    assert available(sku) == 3
    assert timeline(placed.body["number"]) == ["pending", "confirmed", "shipped", "delivered"]
    assert broken() == set()


def test_the_cart_is_what_is_quoted(shop: World) -> None:
    """Without lines a guest's cart is quoted; the order opens with its own token and no other."""
    sku = shop.sku(1)
    added = shop.guest.post("/cart/items", {"sku": sku, "quantity": 1})
    guest = Caller(headers={"X-Cart-Token": added.headers["X-Cart-Token"]})
    quote = guest.quote(None)
    assert quote.status == 201, quote
    assert shop.guest.pay(quote.body["id"]).status == 404  # the quote is the cart holder's
    placed = guest.pay(quote.body["id"])
    assert placed.status == 201, placed
    path = f"/order/orders/{placed.body['number']}"
    assert shop.guest.get(path).status == 404
    assert shop.guest.get(path, **{"X-Order-Token": "0" * 64}).status == 404
    assert shop.guest.get(path, **{"X-Order-Token": placed.body["access_token"]}).status == 200
    assert shop.customer().get(path).status == 404
    assert shop.staff().get(path).status == 200
    shop.work(until=lambda: guest.get("/cart").body["items"] == [])


def test_an_empty_cart_is_not_quoted(shop: World) -> None:
    """400 for a customer and a guest without a cart."""
    for who in (shop.customer(), shop.guest):
        refused = who.quote(None)
        assert (refused.status, list(refused.body["errors"])) == (400, ["lines"]), refused


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"lines": [{"sku": "NO-SUCH", "quantity": 1}]}, "unknown-sku"),
        ({"lines": []}, "invalid"),
        ({"shipping_method": "teleport"}, "invalid"),
        ({"shipping_address": ADDRESS | {"country": "AQ"}}, "invalid"),
        ({"shipping_address": ADDRESS | {"country": "Germany"}}, "invalid"),
        ({"shipping_address": "there"}, "invalid"),
        ({"email": "nobody"}, "invalid"),
    ],
)
def test_what_cannot_be_quoted_is_told(shop: World, changed: dict[str, object], problem: str) -> None:
    """A problem that says what is wrong, never a 500."""
    refused = shop.guest.quote({shop.sku(): 1}, **changed)
    assert (refused.status, refused.problem) == (400, problem), refused


def test_more_than_there_is_cannot_be_quoted(shop: World) -> None:
    """409 names what is short, and by how much."""
    sku = shop.sku(2)
    refused = shop.guest.quote({sku: 5})
    assert (refused.status, refused.problem, refused.body.get("short")) == (409, "out-of-stock", {sku: 3})


def test_a_declined_card_frees_everything(shop: World) -> None:
    """402, the unit is free in the same moment, and the same quote can be paid with another card."""
    sku, who = shop.sku(1), shop.customer()
    quote, key = who.quote({sku: 1}).body["id"], uuid4().hex
    for replayed in (None, "true"):
        declined = who.pay(quote, "tok_declined", key=key)
        assert (declined.status, declined.problem, declined.body["code"]) == (402, "payment-declined", "card_declined")
        assert declined.headers.get("Idempotency-Replayed") == replayed
    assert available(sku) == 1
    assert order(declined.body["number"]).step == ""
    assert who.pay(quote).status == 201
    assert broken() == set()


def test_a_key_replays_the_orders_present_state(shop: World) -> None:
    """Same key and body: the same order as it is now. Another body: 422. Another key: the quote is used."""
    sku, who = shop.sku(), shop.customer()
    quote, key = who.quote({sku: 1}).body["id"], uuid4().hex
    number = who.pay(quote, key=key).body["number"]
    shop.reach(number, "delivered")
    replay = who.pay(quote, key=key)
    assert (replay.status, replay.body["number"], replay.body["status"]) == (201, number, "delivered")
    assert replay.headers["Idempotency-Replayed"] == "true"
    assert who.pay(quote, "tok_visa", key=key).problem == "idempotency-key-reused"
    assert who.pay(quote).problem == "quote-used"
    assert who.post("/order/orders", {"quote": quote, "payment": {"token": "x"}}).problem == "idempotency-key-required"


def test_an_expired_quote_is_refused(shop: World, tuned: Tuned) -> None:
    """409, and nothing is left behind: neither an order nor a used key."""
    tuned(quote_lifetime_s=0)
    sku, who, key = shop.sku(), shop.customer(), uuid4().hex
    quote = who.quote({sku: 1}).body["id"]
    assert who.get(f"/order/quotes/{quote}").body["expired"] is True
    for _ in range(2):
        refused = who.pay(quote, key=key)
        assert (refused.status, refused.problem) == (409, "quote-expired")
    assert not Order.objects.exists()


def test_the_last_unit_is_sold_once(shop: World) -> None:
    """Twelve buyers at once, one unit: one order, eleven refusals, each with what was short."""
    sku = shop.sku(1)
    quotes = [shop.guest.quote({sku: 1}).body["id"] for _ in range(12)]
    answers = at_once(lambda quote: Caller().pay(quote), quotes)
    assert sorted(answer.status for answer in answers) == [201] + [409] * 11
    assert {answer.problem for answer in answers} == {"", "out-of-stock"}
    assert all(answer.body["short"] == {sku: 1} for answer in answers if answer.status == 409)
    assert broken() == set()


def test_one_key_at_once_is_one_order(shop: World) -> None:
    """Duplicates wait for the holder's outcome and get it."""
    sku = shop.sku(20)
    quote, key = shop.guest.quote({sku: 1}).body["id"], uuid4().hex
    answers = at_once(lambda _: Caller().pay(quote, key=key), range(12))
    assert {answer.status for answer in answers} <= {201, 202}
    assert len({answer.body["number"] for answer in answers}) == 1
    assert available(sku) == 19


def test_one_quote_at_once_is_one_order(shop: World) -> None:
    """Different keys for one quote: the index lets one of them have it."""
    sku = shop.sku(20)
    quote = shop.guest.quote({sku: 1}).body["id"]
    answers = at_once(lambda _: Caller().pay(quote), range(8))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert {answer.problem for answer in answers} == {"", "quote-used"}


def test_a_lost_answer_of_the_gateway_is_found_again(shop: World) -> None:
    """202 with Location; then confirmed, with one authorisation at the gateway."""
    sku, who = shop.sku(1), shop.customer()
    placed = who.buy({sku: 1}, "tok_timeout_then_ok")
    assert placed.status == 202, placed
    assert placed.headers["Location"] == f"/order/orders/{placed.body['number']}"
    assert int(placed.headers["Retry-After"]) > 0
    shop.reach(placed.body["number"], "delivered")
    assert broken() == set()


def test_no_decision_by_the_deadline_is_a_rejection(shop: World, tuned: Tuned) -> None:
    """The gateway is away for longer: rejected as payment-unavailable, the unit free, the token gone."""
    tuned(pending_deadline_s=0.6)
    sku, who = shop.sku(1), shop.customer()
    placed = who.buy({sku: 1}, "tok_unavailable")
    assert placed.status == 202, placed
    done = shop.rest(placed.body["number"])
    assert (done.state, done.reason, done.parked, done.payment_token) == ("rejected", "payment-unavailable", False, "")
    assert available(sku) == 1
    shop.work(until=lambda: who.get(f"/order/orders/{done.number}").body["payment"]["status"] == "voided")
    assert broken() == set()


def test_a_confirmed_order_can_be_cancelled(shop: World, tuned: Tuned) -> None:
    """200 at once: the unit is free, the authorisation void. A repeat changes nothing."""
    tuned(fulfilment_delay_s=60)
    sku, who = shop.sku(1), shop.customer()
    number = who.buy({sku: 1}).body["number"]
    for _ in range(2):
        cancelled = who.post(f"/order/orders/{number}/cancel", key="cancel")
        assert (cancelled.status, cancelled.body["status"], cancelled.body["reason"]) == (200, "cancelled", "cancelled")
    assert available(sku) == 1
    assert order(number).step == ""
    assert timeline(number) == ["pending", "confirmed", "cancel-requested", "cancelled"]
    assert broken() == set()


def test_a_pending_order_can_be_cancelled(shop: World) -> None:
    """It becomes rejected, with the reason; whatever the gateway still does is undone."""
    sku, who = shop.sku(1), shop.customer()
    number = who.buy({sku: 1}, "tok_unavailable").body["number"]
    assert who.post(f"/order/orders/{number}/cancel").status in {200, 202}
    done = shop.rest(number)
    assert (done.state, done.reason) == ("rejected", "cancelled")
    assert available(sku) == 1


def test_a_shipped_order_cannot_be_cancelled(shop: World) -> None:
    """409, and it goes on to the customer."""
    sku, who = shop.sku(1), shop.customer()
    number = who.buy({sku: 1}).body["number"]
    shop.reach(number, "shipped", "delivered")
    assert who.post(f"/order/orders/{number}/cancel").problem == "too-late-to-cancel"
    assert shop.customer().post(f"/order/orders/{number}/cancel").status == 404


def test_lists_show_ones_own(shop: World) -> None:
    """A customer sees their orders, newest first, staff everyone's, strangers none."""
    sku, who = shop.sku(), shop.customer()
    numbers = [who.buy({sku: 1}).body["number"] for _ in range(2)]
    shop.guest.buy({sku: 1})
    assert [row["number"] for row in who.get("/order/orders").body["results"]] == numbers[::-1]
    assert who.get("/order/orders?limit=1").body["next"]
    assert len(shop.staff().get("/order/orders").body["results"]) == 3
    assert shop.guest.get("/order/orders").status == 401
    entries = who.get(f"/order/orders/{numbers[0]}/timeline").body["results"]
    assert [entry["to"] for entry in entries] == ["pending", "confirmed"]


def test_numbers_are_unambiguous(shop: World) -> None:
    """Ten characters, none of them easily taken for another; small letters will do."""
    sku, who = shop.sku(), shop.customer()
    number = who.buy({sku: 1}).body["number"]
    assert len(number) == 10
    assert set(number) <= set(ALPHABET)
    assert who.get(f"/order/orders/{number.lower()}").status == 200


def test_nothing_is_paid_for_nothing(shop: World) -> None:
    """An order whose total is zero is confirmed and shipped without a payment."""
    sku, who = shop.sku(1, price="0.00"), shop.customer()
    quote = who.quote({sku: 1}).body["id"]
    Quote.objects.filter(pk=quote).update(shipping=0, shipping_tax=0, tax=0, total=0)
    placed = who.pay(quote, "tok_declined")
    assert placed.status == 201, placed
    shop.reach(placed.body["number"], "delivered")


def at_once(act: Callable[[Any], Answer], items: Iterable[Any]) -> list[Answer]:
    """``act`` on every item, each in a thread of its own."""

    def one(item: Any) -> Answer:
        try:
            return act(item)
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(one, items))
