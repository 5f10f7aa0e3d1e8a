"""Order's own record of payments and parcels, as their events tell it. Older events change nothing."""

import json

from django.db import connection

from apps.order.models import Order
from apps.order.states import State
from shop.events.registry import Received
from shop.transactions import step


@step
def payment_changed(received: Received) -> None:
    """Keep the newest account of a payment."""
    told = received.payload
    with connection.cursor() as cursor:
        cursor.execute(
            _PAYMENT,
            {
                "id": told["payment_id"],
                "status": told["status"],
                "authorised": told["authorised"],
                "captured": told["captured"],
                "refunded": told["refunded"],
                "attempts": json.dumps(told["attempts"]),
                "sequence": received.sequence,
            },
        )


@step
def shipment_changed(received: Received) -> None:
    """Keep the newest account of a parcel."""
    told = received.payload
    with connection.cursor() as cursor:
        cursor.execute(
            _FULFILMENT,
            [told["status"], told["tracking_number"], received.sequence, told["shipment_id"], received.sequence],
        )


@step
def shipment_delivered(received: Received) -> None:
    """Keep it, and let a shipped order be delivered.

    The order is locked first, as the saga does when it ships: whichever of the two comes second
    finds what the other has written, so the delivery is never missed.
    """
    fulfilment = received.payload["shipment_id"]
    order = Order.objects.select_for_update(of=("self",)).filter(fulfilments=fulfilment).only("id", "state").first()
    shipment_changed(received)
    if order and order.state == State.SHIPPED:
        deliver(order)


@step
def deliver(order: Order) -> None:
    """Move a locked, shipped order to delivered, if its parcels are. A saga that ships late calls this too."""
    with connection.cursor() as cursor:
        cursor.execute(_DELIVER, [order.pk, order.pk])
        if cursor.rowcount:
            order.state = State.DELIVERED


_PAYMENT = """
INSERT INTO order_payment (id, status, authorised, captured, refunded, attempts, sequence)
SELECT payment_id, %(status)s, %(authorised)s::numeric, %(captured)s::numeric, %(refunded)s::numeric,
    %(attempts)s::jsonb, %(sequence)s
FROM order_order WHERE payment_id = %(id)s
ON CONFLICT (id) DO UPDATE SET
    status = excluded.status, authorised = excluded.authorised, captured = excluded.captured,
    refunded = excluded.refunded, attempts = excluded.attempts, sequence = excluded.sequence,
    changed_at = clock_timestamp()
WHERE order_payment.sequence < excluded.sequence
"""

_FULFILMENT = """
UPDATE order_fulfilment SET status = %s, tracking_number = %s, sequence = %s, changed_at = clock_timestamp()
WHERE id = %s AND sequence < %s
"""

_DELIVER = """
WITH moved AS (
    UPDATE order_order SET state = 'delivered' WHERE id = %s AND state = 'shipped'
        AND NOT EXISTS (SELECT FROM order_fulfilment WHERE order_id = %s AND status <> 'delivered')
    RETURNING id
)
INSERT INTO order_timelineentry (order_id, "to") SELECT id, 'delivered' FROM moved
"""
