"""The events that people are told of. Each handler inserts one message, and nothing else."""

from apps.notification import services
from apps.notification.models import MessageKind
from shop.env import env
from shop.events.registry import Received, handles


@handles("order.confirmed.v1")
def order_confirmed(received: Received) -> None:
    _tell_customer(received, MessageKind.ORDER_CONFIRMED)


@handles("order.rejected.v1")
def order_rejected(received: Received) -> None:
    """A client that waited for the answer knows already."""
    if received.payload.get("deferred"):
        _tell_customer(received, MessageKind.ORDER_REJECTED)
    else:
        services.withhold(received, kind=MessageKind.ORDER_REJECTED)


@handles("order.cancelled.v1")
def order_cancelled(received: Received) -> None:
    _tell_customer(received, MessageKind.ORDER_CANCELLED)


@handles("payment.refunded.v1")
def payment_refunded(received: Received) -> None:
    _tell_customer(received, MessageKind.PAYMENT_REFUNDED)


@handles("shipment.handed_over.v1")
def shipment_handed_over(received: Received) -> None:
    _tell_customer(received, MessageKind.SHIPMENT_HANDED_OVER)


@handles("shipment.delivered.v1")
def shipment_delivered(received: Received) -> None:
    _tell_customer(received, MessageKind.SHIPMENT_DELIVERED)


@handles("account.registered.v1")
def account_registered(received: Received) -> None:
    services.queue(received, kind=MessageKind.ACCOUNT_REGISTERED, account_id=received.payload["account_id"])


@handles("stock.low.v1")
def stock_low(received: Received) -> None:
    services.queue(received, kind=MessageKind.STOCK_LOW, email=env.staff_email)


def _tell_customer(received: Received, kind: MessageKind) -> None:
    """To the account, or to the address that a guest left."""
    payload = received.payload
    services.queue(received, kind=kind, account_id=payload["customer_id"], email=payload["email"])
