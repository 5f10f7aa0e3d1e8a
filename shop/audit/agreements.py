"""What roles must agree on, fact by fact.

An agreement compares two roles' facts of the same id. Each check gets both sides, None where a role
knows nothing of that id, and returns what is wrong in one line, or nothing. Only states at rest are
judged: what is under way may differ until it ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from shop.audit.registry import Fact

Check = Callable[[Fact | None, Fact | None], str | None]


@dataclass(frozen=True, slots=True)
class Agreement:
    """``left`` and ``right`` are (role, name of facts)."""

    name: str
    left: tuple[str, str]
    right: tuple[str, str]
    check: Check


PAID = {"shipped", "delivered"}  # states of an order whose money has been captured
ENDED = {"rejected", "cancelled"}


def order_and_payment(order: Fact | None, payment: Fact | None) -> str | None:
    """captured + live authorisation = total while an order stands; nothing once it has ended."""
    if order is None:
        return _unclaimed("payment", payment, {"voided", "declined"})
    if order["state"] == "pending" or order["parked"]:
        return None
    held = _held(payment)
    owed = Decimal(0) if order["state"] in ENDED else Decimal(order["total"])
    if held != owed:
        return f"order {order['order_number']} is {order['state']} and owes {owed}, payment holds {held}"
    captured = Decimal(payment["captured"]) if payment else Decimal(0)
    if order["state"] in PAID and captured != owed:
        return f"order {order['order_number']} is {order['state']}, {captured} of {owed} is captured"
    return _refunds(order, payment)


def _held(payment: Fact | None) -> Decimal:
    if payment is None:
        return Decimal(0)
    return Decimal(payment["captured"]) or Decimal(payment["authorised"])


def _refunds(order: Fact, payment: Fact | None) -> str | None:
    refunded = Decimal(payment["refunded"]) if payment else Decimal(0)
    if refunded != Decimal(order["refunded"]):
        return f"order {order['order_number']} says {order['refunded']} is refunded, payment {refunded}"
    return None


def order_and_reservation(order: Fact | None, reservation: Fact | None) -> str | None:
    """Units are promised while an order stands, have left once it is shipped, are free once it has ended."""
    if order is None:
        return _unclaimed("reservation", reservation, {"released", "expired"})
    allowed: dict[str, set[str | None]] = {
        "confirmed": {"secured", "committed"},
        "shipped": {"committed"},
        "delivered": {"committed"},
        "rejected": {None, "released", "expired"},
        "cancelled": {None, "released", "expired"},
    }
    wrong = _state_of("reservation", order, reservation, allowed)
    if wrong is None and reservation and order["state"] not in {*ENDED, "pending"} and not order["parked"]:
        return _lines(order, reservation)
    return wrong


def _lines(order: Fact, reservation: Fact) -> str | None:
    if order["lines"] == reservation["lines"]:
        return None
    return f"order {order['order_number']} has {order['lines']}, its reservation {reservation['lines']}"


def order_and_shipment(order: Fact | None, shipment: Fact | None) -> str | None:
    """A shipment is on its way if and only if the order is shipped."""
    if order is None:
        return _unclaimed("shipment", shipment, {"cancelled"})
    allowed: dict[str, set[str | None]] = {
        "confirmed": {None, "booked", "handed_over", "in_transit"},
        "shipped": {"handed_over", "in_transit", "delivered"},
        "delivered": {"delivered"},
        "rejected": {None, "cancelled"},
        "cancelled": {None, "cancelled"},
    }
    return _state_of("shipment", order, shipment, allowed)


def levels(shown: Fact | None, stock: Fact | None) -> str | None:
    """What the catalogue shows as available is what inventory has free."""
    if stock is None:
        return f"{shown['id']} is shown, inventory does not know it" if shown else None
    if shown is None:
        return f"{stock['id']} has stock, the catalogue was never told"
    if shown["available"] != stock["available"]:
        return f"{stock['id']}: {shown['available']} shown, {stock['available']} available"
    return None


def books(entry: Fact | None, gateway: Fact | None) -> str | None:
    """Payment's books are the gateway's books."""
    if entry is None:
        return f"the gateway has {gateway}, payment has nothing"
    if gateway is None:
        return f"payment has {entry}, the gateway has nothing"
    if entry != gateway:
        return f"payment has {entry}, the gateway {gateway}"
    return None


def _state_of(what: str, order: Fact, other: Fact | None, allowed: dict[str, set[str | None]]) -> str | None:
    if order["state"] == "pending" or order["parked"]:
        return None
    state = other["state"] if other else None
    if state in allowed[order["state"]]:
        return None
    return f"order {order['order_number']} is {order['state']}, its {what} is {state or 'unknown'}"


def _unclaimed(what: str, fact: Fact | None, harmless: set[str]) -> str | None:
    state = (fact or {}).get("state") or (fact or {}).get("status")
    return None if state in harmless else f"{what} is {state}, and no order knows it"


AGREEMENTS = (
    Agreement("order-payment", ("order", "payments"), ("payment", "payments"), order_and_payment),
    Agreement("order-reservation", ("order", "reservations"), ("inventory", "reservations"), order_and_reservation),
    Agreement("order-shipment", ("order", "shipments"), ("shipping", "shipments"), order_and_shipment),
    Agreement("catalogue-stock", ("product", "levels"), ("inventory", "levels"), levels),
    Agreement("payment-gateway", ("payment", "entries"), ("payment", "gateway"), books),
)
