"""What the audit asks of shipping."""

from collections.abc import Sequence
from uuid import UUID

from apps.shipping import services
from apps.shipping.events import ANNOUNCED
from apps.shipping.models import TRANSITIONS, Shipment
from shop.audit import Fact, facts, pending, rule

_STEPS = ", ".join(f"('{source}', '{to}')" for source, targets in TRANSITIONS.items() for to in sorted(targets))
_ANNOUNCED = ", ".join(f"('{state}')" for state in ANNOUNCED)

rule(
    "shipment-matches-tracking",
    """
    SELECT s.id::text, format('state %s, version %s; tracking ends with %s, %s rows', s.state, s.version, t.last, t.n)
    FROM shipping_shipment s LEFT JOIN LATERAL (
        SELECT (array_agg(state ORDER BY sequence DESC))[1] AS last, count(*) AS n, max(sequence) AS top
        FROM shipping_trackingentry WHERE shipment_id = s.id
    ) t ON true
    WHERE s.version <> t.n OR (s.version > 0 AND (t.last <> s.state OR t.top <> s.version))
    """,
    role="shipping",
)
rule(
    "tracking-follows-transitions",
    f"""
    SELECT shipment_id::text, format('row %s: %s after %s', sequence, state, coalesce(previous, 'nothing'))
    FROM (
        SELECT *, lag(state) OVER (PARTITION BY shipment_id ORDER BY sequence) AS previous FROM shipping_trackingentry
    ) t
    WHERE NOT CASE WHEN previous IS NULL THEN state = 'booked' ELSE (previous, state) IN ({_STEPS}) END
    """,  # noqa: S608  # the module's own constants
    role="shipping",
)
rule(  # for a while only: the outbox forgets
    "shipment-announced",
    f"""
    SELECT t.shipment_id::text, format('no event for row %s, %s', t.sequence, t.state)
    FROM shipping_trackingentry t
    WHERE t.state IN ({_ANNOUNCED}) AND t.at > now() - interval '60 days' AND NOT EXISTS (
        SELECT FROM events_event e
        WHERE e.emitter = 'shipping' AND e.aggregate = t.shipment_id::text AND e.sequence = t.sequence
            AND e.name = 'shipment.' || t.state || '.v1'
    )
    """,  # noqa: S608  # the module's own constants
    role="shipping",
)


@facts("shipments")
def shipments(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Every shipment; a tombstone is cancelled and has no order number."""
    rows = Shipment.objects.order_by("id")
    if ids is not None:
        rows = rows.filter(pk__in=[found for text in ids if (found := _uuid(text))])
    elif (last := _uuid(after)) is not None:
        rows = rows.filter(pk__gt=last)
    page = rows.values_list("id", "order_number", "state")[:limit]
    return [{"id": str(id_), "order_number": number, "state": state} for id_, number, state in page]


@pending
def travelling() -> int:
    """Handed over, not delivered."""
    return services.travelling()


def _uuid(text: str) -> UUID | None:
    """None for what is no UUID, and so names no shipment."""
    try:
        return UUID(text)
    except ValueError:
        return None
