"""What customers do, each to its end, and what must then be true whatever died on the way.

A journey arms its fault just before the place where it is reached. Several run at once, so another
one's order may be the first to come by; all of them must end well either way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.faults.stage import Stage
from tests.shop_api.client import ADDRESS, PASSWORD, Answer, Api, wait_for

ON_HAND = 9  # units of each journey's own product: enough to stay above the reorder point of 5
TAKEN = 2
AT_REST_S = 90  # for an order on a machine that is restarting processes all the time

WAREHOUSE = "warehouse@example.com"  # hears of low stock

Arm = Callable[[], None]


@dataclass(frozen=True)
class Placed:
    """An order as its client knows it: by the key it was placed under, and by the answer."""

    key: str
    email: str
    sku: str
    quote: str
    answer: Answer

    @property
    def number(self) -> str:
        return str(self.answer.body["number"])


def buy(stage: Stage, arm: Arm) -> None:
    """A guest fills a cart, pays, and the parcel arrives: one charge, one parcel, three mails, an empty cart."""
    cart, placed = place_from_cart(stage, _product(stage), arm)
    order = stage.shop.wait_for_state(placed.number, "delivered", AT_REST_S)
    _expect_bought(stage, placed, order)
    wait_for(lambda: cart.get("/cart").body["items"], lambda items: items == [], within_s=AT_REST_S)
    mails = wait_for(lambda: stage.mails_to(placed.email), lambda found: len(_ids(found)) >= 3, within_s=AT_REST_S)
    assert len(_ids(mails)) == 3, mails  # a crash may send one again, under the same Message-ID
    _expect_one_outcome(stage, cart, placed)


def declined(stage: Stage, arm: Arm) -> None:
    """The card is declined: the order is rejected, the units are free, nothing is held."""
    sku = _product(stage)
    arm()
    placed = place(stage, sku, token="tok_declined")
    assert placed.answer.status in {202, 402}, placed.answer
    order = stage.shop.wait_for_state(placed.number, "rejected", AT_REST_S)
    assert order["reason"] == "payment-declined", order
    _expect_nothing_taken(stage, placed, order, ["declined"])


def cancel(stage: Stage, arm: Arm) -> None:
    """A confirmed order is cancelled before it is booked: the units are free, the authorisation is gone."""
    placed = _confirmed(stage)
    arm()
    guest = stage.shop.anyone.and_headers(**{"X-Order-Token": placed.answer.body["access_token"]})
    answer = guest.post(f"/order/orders/{placed.number}/cancel")
    assert answer.status in {200, 202}, answer
    order = stage.shop.wait_for_state(placed.number, "cancelled", AT_REST_S)
    assert order["reason"] == "cancelled"
    _expect_nothing_taken(stage, placed, order, ["voided", "voided"])


def capture_refused(stage: Stage, arm: Arm) -> None:
    """The bank lets the authorisation go before the capture: the order is cancelled, the booking too."""
    placed = _confirmed(stage)
    stage.void_at_gateway(placed.key)
    arm()
    order = stage.shop.wait_for_state(placed.number, "cancelled", AT_REST_S)
    assert order["reason"] == "capture-failed"
    _expect_nothing_taken(stage, placed, order, ["voided", "voided"])
    shipments = wait_for(
        lambda: stage.shop.order(placed.number)["shipments"],
        lambda found: found[0]["status"] == "cancelled",
        within_s=AT_REST_S,
    )
    assert len(shipments) == 1


def refund(stage: Stage, arm: Arm) -> None:
    """A part of a delivered order is given back, once."""
    placed = _confirmed(stage)
    stage.shop.wait_for_state(placed.number, "delivered", AT_REST_S)
    arm()
    amount = {"amount": {"amount": "1.00", "currency": "EUR"}}
    path = f"/order/orders/{placed.number}/refunds"
    key = uuid4().hex
    made = stage.shop.staff.post(path, amount, key=key)
    assert made.status == 201, made
    again = stage.shop.staff.post(path, amount, key=key)
    assert (again.status, again.body["id"]) == (201, made.body["id"])
    wait_for(
        lambda: stage.shop.order(placed.number)["refunds"],
        lambda found: [each["status"] for each in found] == ["succeeded"],
        within_s=AT_REST_S,
    )
    kinds = sorted(line["kind"] for line in stage.gateway_lines(placed.key))
    assert kinds == ["authorisation", "capture", "refund"]
    wait_for(
        lambda: stage.mails_to(placed.email),
        lambda found: any("refund" in mail["subject"].lower() for mail in found),
        within_s=AT_REST_S,
    )


def refund_units(stage: Stage, arm: Arm) -> None:
    """A clerk gives one unit of a delivered order back, and sends the form until it is answered."""
    placed = _confirmed(stage)
    stage.shop.wait_for_state(placed.number, "delivered", AT_REST_S)
    clerk, page = stage.clerk_at(f"order/order/{placed.number}/change/")
    (form,) = [each for each in page.forms if "units_1" in each.fields]
    asked = clerk.submit(page, form, units_1="1", act="refund")
    (sure,) = [each for each in asked.forms if "refund_id" in each.fields]
    arm()
    assert clerk.submit(asked, sure, act="refund").status == 200
    refunds = wait_for(
        lambda: stage.shop.order(placed.number)["refunds"],
        lambda found: [each["status"] for each in found] == ["succeeded"],
        within_s=AT_REST_S,
    )
    assert clerk.submit(asked, sure, act="refund").status == 200  # pressed once more: the same refund
    assert stage.shop.order(placed.number)["refunds"] == refunds
    taken, given = (
        [line["amount"] for line in stage.gateway_lines(placed.key) if line["kind"] == kind]
        for kind in ("capture", "refund")
    )
    assert (len(taken), given) == (1, [refunds[0]["amount"]["amount"]])


def register(stage: Stage, arm: Arm) -> None:
    """A new account is welcomed, once."""
    email, key = _address(), uuid4().hex
    body = {"email": email, "password": PASSWORD, "name": "Ada"}
    arm()
    made = stage.shop.anyone.post("/user/register", body, key=key)
    assert made.status == 201, made
    mails = wait_for(lambda: stage.mails_to(email), lambda found: bool(found), within_s=AT_REST_S)
    assert len(_ids(mails)) == 1


def low_stock(stage: Stage, arm: Arm) -> None:
    """Units run low: the warehouse is told, once."""
    sku = _product(stage)
    arm()
    placed = place(stage, sku, quantity=ON_HAND - 1)
    stage.shop.wait_for_state(placed.number, "delivered", AT_REST_S)

    def told() -> list[str]:
        return [mail["message_id"] for mail in stage.mails_to(WAREHOUSE) if sku in mail["subject"] + mail["text"]]

    assert len(set(wait_for(told, bool, within_s=AT_REST_S))) == 1


JOURNEYS: Mapping[str, Callable[[Stage, Arm], None]] = {
    "buy": buy,
    "declined": declined,
    "cancel": cancel,
    "capture-refused": capture_refused,
    "refund": refund,
    "refund-units": refund_units,
    "register": register,
    "low-stock": low_stock,
}


def _address() -> str:
    return f"{uuid4().hex[:12]}@example.com"


def _ids(mails: list[dict[str, Any]]) -> set[str]:
    return {mail["message_id"] for mail in mails}


def _product(stage: Stage) -> str:
    return stage.shop.product(on_hand=ON_HAND)


def place_from_cart(stage: Stage, sku: str, arm: Arm = lambda: None) -> tuple[Api, Placed]:
    """A guest with a cart, and the order of what was in it."""
    email = _address()
    added = stage.shop.anyone.post("/cart/items", {"sku": sku, "quantity": TAKEN})
    cart = stage.shop.anyone.and_headers(**{"X-Cart-Token": added.headers["X-Cart-Token"]})
    quote = cart.post("/order/quotes", {"shipping_address": ADDRESS, "shipping_method": "standard", "email": email})
    assert quote.status == 201, quote
    arm()
    key = uuid4().hex
    answer = stage.shop.pay(cart, quote.body["id"], key=key)
    assert answer.status in {201, 202}, answer
    return cart, Placed(key, email, sku, quote.body["id"], answer)


def place(stage: Stage, sku: str, *, token: str = "tok_always_ok", quantity: int = TAKEN) -> Placed:
    """An order of a guest, whatever the answer."""
    email, key = _address(), uuid4().hex
    quote = stage.shop.quote(stage.shop.anyone, sku, quantity, email=email)
    assert quote.status == 201, quote
    quote_id = str(quote.body["id"])
    return Placed(key, email, sku, quote_id, stage.shop.pay(stage.shop.anyone, quote_id, token, key))


def _confirmed(stage: Stage) -> Placed:
    """A new order, confirmed: at once as a rule, later where something else has just died."""
    placed = place(stage, _product(stage))
    assert placed.answer.status in {201, 202}, placed.answer
    stage.shop.wait_for_state(placed.number, ["confirmed", "shipped", "delivered"], AT_REST_S)
    return placed


def _expect_bought(stage: Stage, placed: Placed, order: Mapping[str, Any]) -> None:
    assert order["parked"] is False
    timeline = stage.shop.staff.get(f"/order/orders/{placed.number}/timeline").body["results"]
    states = [row["to"] for row in timeline if row["to"]]
    assert states == ["pending", "confirmed", "shipped", "delivered"], timeline
    lines = stage.gateway_lines(placed.key)
    assert [line["kind"] for line in lines] == ["authorisation", "capture"], lines
    assert {line["amount"] for line in lines} == {order["total"]["amount"]}
    assert stage.shop.available(placed.sku) == ON_HAND - TAKEN
    _expect_shown(stage, placed.sku, ON_HAND - TAKEN)


def _expect_nothing_taken(stage: Stage, placed: Placed, order: Mapping[str, Any], gateway: list[str]) -> None:
    assert order["parked"] is False
    wait_for(
        lambda: [line["status"] for line in stage.gateway_lines(placed.key)],
        lambda found: found == gateway,
        within_s=AT_REST_S,
    )
    wait_for(lambda: stage.shop.available(placed.sku), lambda units: units == ON_HAND, within_s=AT_REST_S)
    _expect_shown(stage, placed.sku, ON_HAND)


def _expect_shown(stage: Stage, sku: str, units: int) -> None:
    """The catalogue follows."""
    wait_for(
        lambda: stage.shop.anyone.get(f"/product/products/{sku}").body["available"],
        lambda shown: shown == units,
        within_s=AT_REST_S,
    )


def _expect_one_outcome(stage: Stage, who: Api, placed: Placed) -> None:
    """The same key brings the same order again, and says so."""
    again = stage.shop.pay(who, placed.quote, key=placed.key)
    assert (again.status, again.body["number"]) == (201, placed.number)
    assert again.headers["Idempotency-Replayed"] == "true"
