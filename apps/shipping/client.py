"""What other roles may ask of shipping: the only module of this app that they import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from shop import transport
from shop.money import Money

_SHIPMENTS = "/shipping/internal/shipments"


class MethodUnavailable(Exception):
    """The method does not go there, not with this weight, or has no price in this currency."""


class BookingRefused(Exception):
    """The carrier does not take the booking; ``code`` says why. Nothing was booked."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Superseded(Exception):
    """The shipment was cancelled before this booking: it never takes effect."""


class TooLate(Exception):
    """The shipment is handed over: it cannot be cancelled."""


class ShipmentGone(Exception):
    """The shipment is cancelled, or was never booked: it cannot be handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a method costs; ``tax_class`` decides the tax on it."""

    method: str
    name: str
    price: Money
    tax_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """A booked shipment; ``tracking_number`` opens its public tracking."""

    tracking_number: str


def rate(*, method: str, country: str, postal_code: str, weight_g: int, currency: str) -> Rate:
    """Price of sending ``weight_g`` grams. Raises MethodUnavailable, NoAnswer."""
    asked = {
        "method": method,
        "country": country,
        "postal_code": postal_code,
        "weight_g": str(weight_g),
        "currency": currency,
    }
    reply = transport.get("shipping", "/shipping/internal/rate", params=asked)
    if reply.problem == "method-unavailable":
        raise MethodUnavailable(method)
    found = _accepted(reply)
    price = Money(Decimal(found["price"]["amount"]), found["price"]["currency"])
    return Rate(method=found["method"], name=found["name"], price=price, tax_class=found["tax_class"])


def book(
    *,
    shipment_id: UUID,
    order_number: str,
    method: str,
    address: Mapping[str, str],
    lines: Sequence[Mapping[str, Any]],
    customer_id: str,
    email: str,
) -> Booked:
    """Book a shipment; safe to repeat. ``lines`` are {"sku", "name", "quantity"}.

    Raises BookingRefused, Superseded, NoAnswer.
    """
    body = {
        "id": str(shipment_id),
        "order_number": order_number,
        "method": method,
        "address": address,
        "lines": lines,
        "customer_id": customer_id,
        "email": email,
    }
    reply = transport.post("shipping", _SHIPMENTS, json_body=body, idempotency_key=str(shipment_id))
    if reply.problem == "booking-refused":
        raise BookingRefused(reply.body["code"])
    if reply.problem == "superseded":
        raise Superseded
    return Booked(tracking_number=_accepted(reply)["tracking_number"])


def cancel(*, shipment_id: UUID) -> None:
    """Cancel a shipment, or make sure it is never booked; safe to repeat. Raises TooLate, NoAnswer."""
    reply = _command(shipment_id, "cancel")
    if reply.problem == "too-late":
        raise TooLate
    _accepted(reply)


def hand_over(*, shipment_id: UUID) -> None:
    """Give a booked shipment to the carrier; safe to repeat. Raises ShipmentGone, NoAnswer."""
    reply = _command(shipment_id, "hand_over")
    if reply.problem == "shipment-gone":
        raise ShipmentGone
    _accepted(reply)


def _command(shipment_id: UUID, name: str) -> transport.Reply:
    path = f"{_SHIPMENTS}/{shipment_id}/{name}"
    return transport.post("shipping", path, json_body={}, idempotency_key=str(shipment_id))


def _accepted(reply: transport.Reply) -> Any:
    if reply.problem:
        raise RuntimeError(f"shipping answered {reply.status} {reply.problem}")
    return reply.body
