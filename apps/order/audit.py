"""What the audit asks of order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import DecimalField, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from apps.order.models import Fulfilment, Order, Refund, RefundStatus
from apps.order.states import TRANSITIONS, Position
from shop.audit import Fact, facts, pending, rule
from shop.env import env

_ALLOWED = ", ".join(f"('{source or ''}', '{to}')" for source, targets in TRANSITIONS.items() for to in targets)
# A worker that was down for a moment, or a step that was just being repeated, is no disagreement.
_GRACE_S = env.lease_s + env.backoff_cap_s + 2 * env.sweep_s + 5

rule(
    "state-is-the-timelines",
    """
    SELECT o.id::text, format('%s is %s, its timeline ends with %s', o.number, o.state, coalesce(t."to", 'nothing'))
    FROM order_order o LEFT JOIN LATERAL (
        SELECT "to" FROM order_timelineentry WHERE order_id = o.id AND "to" <> '' ORDER BY id DESC LIMIT 1
    ) t ON true
    WHERE t."to" IS DISTINCT FROM o.state
    """,
    role="order",
)
rule(
    "timeline-follows-transitions",
    f"""
    SELECT order_id::text, format('entry %s: %s after %s', id, "to", coalesce(nullif(previous, ''), 'nothing'))
    FROM (
        SELECT id, order_id, "to", lag("to", 1, '') OVER (PARTITION BY order_id ORDER BY id) AS previous
        FROM order_timelineentry WHERE "to" <> ''
    ) t
    WHERE (previous, "to") NOT IN ({_ALLOWED})
    """,  # noqa: S608  # the module's own constants
    role="order",
)
rule(
    "total-adds-up",
    """
    SELECT id::text, format('%s: total %s is not the sum of its parts', number, total)
    FROM order_order
    WHERE total <> subtotal - discount + shipping + CASE WHEN prices_include_tax THEN 0 ELSE tax END
    """,
    role="order",
)
rule(
    "lines-add-up",
    """
    SELECT o.id::text,
        format('%s: subtotal %s and tax %s, its lines %s and %s', o.number, o.subtotal, o.tax, l.total, l.tax)
    FROM order_order o LEFT JOIN LATERAL (
        SELECT sum(total) AS total, sum(tax) AS tax, bool_and(total = quantity * unit_price) AS priced
        FROM order_orderline WHERE order_id = o.id
    ) l ON true
    WHERE o.subtotal IS DISTINCT FROM l.total OR o.tax IS DISTINCT FROM l.tax + o.shipping_tax OR NOT l.priced
    """,
    role="order",
)
rule(
    "terms-are-the-quotes",
    """
    SELECT o.id::text, format('%s: total %s %s, quoted %s %s', o.number, o.total, o.currency, q.total, q.currency)
    FROM order_order o JOIN order_quote q ON q.id = o.quote_id
    WHERE (o.total, o.currency, o.shipping_method) IS DISTINCT FROM (q.total, q.currency, q.shipping_method)
    """,
    role="order",
)
rule(
    "one-standing-order-per-quote",
    """
    SELECT id::text, format('%s: the quote has another order that stands', number)
    FROM (
        SELECT id, number, count(*) OVER (PARTITION BY quote_id) AS standing FROM order_order WHERE state <> 'rejected'
    ) o
    WHERE standing > 1
    """,
    role="order",
)
rule(
    "pending-is-decided",
    f"""
    SELECT id::text, format('%s is pending since %s', number, placed_at)
    FROM order_order WHERE state = 'pending' AND NOT parked
        AND coalesce(deadline_at, placed_at) < clock_timestamp() - interval '{_GRACE_S} seconds'
    """,  # noqa: S608  # a number of this module
    role="order",
)
rule(
    "unfinished-is-due",
    """
    SELECT id::text, format('%s is %s, and nothing will move it on', number, state)
    FROM order_order WHERE (state IN ('pending', 'confirmed') AND step = '') OR (step <> '' AND due_at IS NULL)
    """,
    role="order",
)
rule(
    "shipped-is-delivered",  # with its parcels
    """
    SELECT id::text, format('%s is shipped, and all of it is delivered', number)
    FROM order_order o WHERE state = 'shipped' AND NOT EXISTS (
        SELECT FROM order_fulfilment f WHERE f.order_id = o.id AND f.status <> 'delivered'
    )
    """,
    role="order",
)
rule(
    "token-is-dropped",
    """
    SELECT id::text, format('%s keeps a payment token at %s', number, coalesce(nullif(step, ''), 'rest'))
    FROM order_order WHERE payment_token <> '' AND step NOT IN ('reserve', 'authorise')
    """,
    role="order",
)
rule(
    "refunds-are-captured",
    """
    SELECT o.id::text, format('%s: %s is refunded or about to be, %s captured', o.number, r.amount, o.captured)
    FROM (
        SELECT orders.id, orders.number, CASE
            WHEN state IN ('shipped', 'delivered') OR (state = 'confirmed' AND step IN ('commit', 'hand_over'))
            -- payment's word, as soon as it has told of the capture
            THEN coalesce(nullif(told.captured, 0), total) ELSE 0 END AS captured
        FROM order_order orders LEFT JOIN order_payment told ON told.id = orders.payment_id
    ) o JOIN (
        SELECT order_id, sum(amount) AS amount FROM order_refund WHERE status <> 'refused' GROUP BY order_id
    ) r ON r.order_id = o.id
    WHERE r.amount > o.captured
    """,
    role="order",
)
rule(
    "refund-shares-add-up",
    """
    SELECT id::text, format('refund of %s is shared as %s', amount, shares)
    FROM order_refund WHERE amount <> (SELECT sum(share::numeric) FROM jsonb_array_elements_text(shares) AS share)
    """,
    role="order",
)
rule(
    "order-parked",
    "SELECT id::text, format('%s waits for a person: %s', number, parked_reason) FROM order_order WHERE parked",
    role="order",
)
rule(
    "refund-parked",
    "SELECT id::text, format('waits for a person: %s', parked_reason) FROM order_refund WHERE parked",
    role="order",
)


@facts("payments")
def payments(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Every order by the id of its payment; ``refunded`` is what payment has said it gave back."""
    back = Sum("refunds__amount", filter=Q(refunds__status=RefundStatus.SUCCEEDED))
    zero = Value(0, DecimalField(max_digits=16, decimal_places=3))
    rows = _page(Order.objects.annotate(refunded=Coalesce(back, zero)), "payment_id", ids, after, limit)
    return [
        _fact(order, order.payment_id)
        | {"total": str(order.total), "currency": order.currency, "refunded": str(order.refunded)}
        for order in rows
    ]


@facts("reservations")
def reservations(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Every order by the id of its reservation, with its lines: SKU -> units."""
    rows = _page(Order.objects.prefetch_related("lines"), "reservation_id", ids, after, limit)
    return [
        _fact(order, order.reservation_id) | {"lines": {line.sku: line.quantity for line in order.line_items}}
        for order in rows
    ]


@facts("shipments")
def shipments(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Every parcel, with the state of its order."""
    rows = _page(Fulfilment.objects.select_related("order"), "id", ids, after, limit)
    return [_fact(parcel.order, parcel.pk) for parcel in rows]


@pending
def orders() -> int:
    """Sagas that are not at rest."""
    return Order.objects.exclude(step=Position.REST).filter(parked=False).count()


@pending
def refunds() -> int:
    """Refunds that payment has not answered for."""
    return Refund.objects.filter(status=RefundStatus.PENDING, parked=False).count()


def _fact(order: Order, id_: UUID) -> Fact:
    return {
        "id": str(id_),
        "order_number": order.number,
        "order_id": str(order.pk),
        "state": order.state,
        "parked": order.parked,
    }


def _page(rows: QuerySet[Any], key: str, ids: Sequence[str] | None, after: str, limit: int) -> list[Any]:
    if ids is not None:
        rows = rows.filter(**{f"{key}__in": [found for text in ids if (found := _uuid(text))]})
    elif (last := _uuid(after)) is not None:
        rows = rows.filter(**{f"{key}__gt": last})
    return list(rows.order_by(key)[:limit])


def _uuid(text: str) -> UUID | None:
    """None for what is no UUID, and so names nothing."""
    try:
        return UUID(text)
    except ValueError:
        return None
