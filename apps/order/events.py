"""What order tells, and what it keeps of what payment and shipping tell: its own projections."""

from dataclasses import dataclass
from typing import Any

from apps.order import projections
from shop.events.registry import Received, event, handles, personal


@event("order.confirmed.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed:
    """Stock is secured and ``total`` authorised. Once per order, never retracted: a cancellation is its own fact."""

    order_number: str
    customer_id: str  # empty: a guest
    email: str = personal()  # of a guest, else empty
    cart_id: str  # the cart it came from; empty for lines named in the request
    lines: list[dict[str, Any]]  # {"sku", "name", "quantity"}
    total: dict[str, str]  # {"amount", "currency"}, tax included


@event("order.rejected.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected:
    """A placed order did not come about. ``deferred``: its client was not told at once, so a mail is owed."""

    order_number: str
    customer_id: str  # empty: a guest
    email: str = personal()  # of a guest, else empty
    reason: str  # a slug, as the order's problem has
    deferred: bool


@event("order.cancelled.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """A confirmed order will not be shipped; what it holds is being let go."""

    order_number: str
    customer_id: str  # empty: a guest
    email: str = personal()  # of a guest, else empty
    reason: str  # a slug: cancelled, capture-failed, closed


@handles("payment.changed.v1")
def show_payment(received: Received) -> None:
    """Keep what the order's page shows of its payment."""
    projections.payment_changed(received)


@handles("shipment.booked.v1")
def show_booking(received: Received) -> None:
    """Keep the tracking number."""
    projections.shipment_changed(received)


@handles("shipment.cancelled.v1")
def show_cancellation(received: Received) -> None:
    """Keep that the parcel will not come."""
    projections.shipment_changed(received)


@handles("shipment.handed_over.v1")
def show_hand_over(received: Received) -> None:
    """Keep that the carrier has it."""
    projections.shipment_changed(received)


@handles("shipment.delivered.v1")
def show_delivery(received: Received) -> None:
    """A shipped order is delivered with its parcel."""
    projections.shipment_delivered(received)
