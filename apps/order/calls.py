"""The saga's calls: each under an id derived from the order, so that it may be made any number of times.

Refusals are the clients' exceptions; NoAnswer passes through.
"""

from apps.inventory import client as inventory
from apps.inventory.client import OutOfStock, ReservationGone
from apps.order.models import Order
from apps.payment import client as payment
from apps.payment.client import CaptureRefused, Declined
from apps.shipping import client as shipping
from shop.env import env

__all__ = ["CaptureRefused", "Declined", "OutOfStock", "ReservationGone"]


def reserve(order: Order) -> None:
    """Promise every line to the order, or none. Raises OutOfStock."""
    lines = {line.sku: line.quantity for line in order.line_items}
    inventory.reserve(reservation_id=order.reservation_id, lines=lines, lifetime_s=env.reservation_lifetime_s)


def authorise(order: Order) -> None:
    """Hold the total on the buyer's card; nothing to hold for an order that costs nothing. Raises Declined."""
    if order.total:
        payment.authorise(
            payment_id=order.payment_id,
            order_number=order.number,
            amount=order.money(order.total),
            token=order.payment_token,
            reference=order.payment_reference,
            customer_id=order.customer,
            email=order.email,
        )


def secure(order: Order) -> None:
    """From now on the reservation does not expire. Raises ReservationGone if it has."""
    inventory.secure(reservation_id=order.reservation_id)


def book(order: Order) -> None:
    """Tell the carrier to expect the parcel."""
    shipping.book(
        shipment_id=order.shipment_id,
        order_number=order.number,
        method=order.shipping_method,
        address=order.shipping_address,
        lines=[{"sku": line.sku, "name": line.name, "quantity": line.quantity} for line in order.line_items],
        customer_id=order.customer,
        email=order.email,
    )


def capture(order: Order) -> None:
    """Take the money. Raises CaptureRefused."""
    if order.total:
        payment.capture(payment_id=order.payment_id)


def commit(order: Order) -> None:
    """The units leave the warehouse."""
    inventory.commit(reservation_id=order.reservation_id)


def hand_over(order: Order) -> None:
    """Give the parcel to the carrier."""
    shipping.hand_over(shipment_id=order.shipment_id)


def unbook(order: Order) -> None:
    """The carrier need not come, even if the booking has yet to arrive."""
    shipping.cancel(shipment_id=order.shipment_id)


def release(order: Order) -> None:
    """Free the units, even if the reservation has yet to arrive."""
    inventory.release(reservation_id=order.reservation_id)


def void(order: Order) -> None:
    """Let the money go, even if the authorisation has yet to arrive."""
    if order.total:
        payment.void(payment_id=order.payment_id)
