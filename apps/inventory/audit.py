"""Proof that inventory's books agree: counters with the ledger, reservations with both."""

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Prefetch
from django.db.models.functions import Now

from apps.inventory.models import Item, Reservation, ReservationLine, ReservationState
from shop.audit import Fact, facts, pending, rule

OVERDUE_GRACE_S = 60  # many sweeps: by then somebody would have freed the units

rule(
    "stock-flow",  # received + restocked +- adjusted = on hand + shipped + written off
    """
    SELECT stock.item_id || '/' || stock.warehouse_id,
        format('received %s + restocked %s + adjusted %s <> on hand %s + shipped %s + written off %s',
            flow.received, flow.restocked, flow.adjusted, stock.on_hand, flow.shipped, flow.written_off)
    FROM inventory_stock stock
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(on_hand) FILTER (WHERE kind = 'receipt'), 0) AS received,
            coalesce(sum(on_hand) FILTER (WHERE kind = 'restock'), 0) AS restocked,
            coalesce(sum(on_hand) FILTER (WHERE kind = 'adjustment'), 0) AS adjusted,
            -coalesce(sum(on_hand) FILTER (WHERE kind = 'ship'), 0) AS shipped,
            -coalesce(sum(on_hand) FILTER (WHERE kind = 'write-off'), 0) AS written_off
        FROM inventory_movement WHERE stock_id = stock.id
    ) flow ON true
    WHERE flow.received + flow.restocked + flow.adjusted <> stock.on_hand + flow.shipped + flow.written_off
    """,
    role="inventory",
)

rule(
    "stock-ledger",  # the counters are the sums of the ledger
    """
    SELECT stock.item_id || '/' || stock.warehouse_id,
        format('on hand %s, reserved %s; the ledger says %s and %s',
            stock.on_hand, stock.reserved, sums.on_hand, sums.reserved)
    FROM inventory_stock stock
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(on_hand), 0) AS on_hand, coalesce(sum(reserved), 0) AS reserved
        FROM inventory_movement WHERE stock_id = stock.id
    ) sums ON true
    WHERE (stock.on_hand, stock.reserved) IS DISTINCT FROM (sums.on_hand, sums.reserved)
    """,
    role="inventory",
)

rule(
    "stock-reserved",  # reserved = lines of the reservations that hold their units
    """
    SELECT stock.item_id || '/' || stock.warehouse_id,
        format('reserved %s, reservations hold %s', stock.reserved, coalesce(held.units, 0))
    FROM inventory_stock stock
    LEFT JOIN (
        SELECT line.stock_id, sum(line.units) AS units
        FROM inventory_reservationline line
        JOIN inventory_reservation reservation ON reservation.id = line.reservation_id
        WHERE reservation.state IN ('active', 'secured') GROUP BY line.stock_id
    ) held ON held.stock_id = stock.id
    WHERE stock.reserved <> coalesce(held.units, 0)
    """,
    role="inventory",
)

rule(
    "stock-bounds",
    """
    SELECT item_id || '/' || warehouse_id, format('on hand %s, reserved %s', on_hand, reserved)
    FROM inventory_stock WHERE NOT (0 <= reserved AND reserved <= on_hand)
    """,
    role="inventory",
)

rule(
    "item-available",  # what is told to the catalogue is what the shelves have free
    """
    SELECT item.sku, format('available %s, free in the warehouses %s', item.available, coalesce(free.units, 0))
    FROM inventory_item item
    LEFT JOIN (SELECT item_id, sum(on_hand - reserved) AS units FROM inventory_stock GROUP BY item_id) free
        ON free.item_id = item.sku
    WHERE item.available <> coalesce(free.units, 0)
    """,
    role="inventory",
)

rule(
    "reservation-ledger",  # a line is reserved once, then shipped once, or released once, or still held
    """
    SELECT reservation.id::text, format('is %s; of stock %s line %s, reserved %s, released %s, shipped %s',
        reservation.state, coalesce(line.stock_id, moved.stock_id), coalesce(line.units, 0),
        coalesce(moved.reserved, 0), coalesce(moved.released, 0), coalesce(moved.shipped, 0))
    FROM inventory_reservationline line
    FULL JOIN (
        SELECT reservation_id, stock_id,
            coalesce(sum(reserved) FILTER (WHERE kind = 'reserve'), 0) AS reserved,
            -coalesce(sum(reserved) FILTER (WHERE kind = 'release'), 0) AS released,
            -coalesce(sum(on_hand) FILTER (WHERE kind = 'ship'), 0) AS shipped
        FROM inventory_movement WHERE reservation_id IS NOT NULL GROUP BY reservation_id, stock_id
    ) moved ON moved.reservation_id = line.reservation_id AND moved.stock_id = line.stock_id
    JOIN inventory_reservation reservation ON reservation.id = coalesce(line.reservation_id, moved.reservation_id)
    WHERE (coalesce(moved.reserved, 0), coalesce(moved.released, 0), coalesce(moved.shipped, 0))
        IS DISTINCT FROM (
            coalesce(line.units, 0),
            CASE WHEN reservation.state IN ('released', 'expired') THEN coalesce(line.units, 0) ELSE 0 END,
            CASE WHEN reservation.state = 'committed' THEN coalesce(line.units, 0) ELSE 0 END
        )
    """,
    role="inventory",
)

rule(
    "reservation-empty",  # only a tombstone promises nothing
    """
    SELECT reservation.id::text, format('is %s and has no lines', reservation.state)
    FROM inventory_reservation reservation
    WHERE reservation.expires_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM inventory_reservationline line WHERE line.reservation_id = reservation.id
    )
    """,
    role="inventory",
)

rule(
    "reservation-overdue",
    f"""
    SELECT id::text, format('active, although its time was up at %s', expires_at)
    FROM inventory_reservation
    WHERE state = 'active' AND expires_at < statement_timestamp() - make_interval(secs => {OVERDUE_GRACE_S})
    """,  # noqa: S608  # a constant
    role="inventory",
)


@facts("reservations")
def reservations(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """What each order holds, or held, here: SKU -> units over all warehouses. Tombstones have no lines."""
    rows = Reservation.objects.order_by("pk")
    if ids is not None:
        rows = rows.filter(pk__in=[UUID(text) for text in ids if _is_uuid(text)])
    elif after:
        rows = rows.filter(pk__gt=UUID(after))
    lines = ReservationLine.objects.select_related("stock").order_by("stock__item_id")
    found = rows.prefetch_related(Prefetch("lines", lines))[:limit]
    return [{"id": str(row.pk), "state": row.state, "lines": _units(row.lines.all())} for row in found]


@facts("levels")
def levels(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """What can still be promised of each SKU, which the catalogue shows."""
    items = Item.objects.filter(sku__gt=after) if ids is None else Item.objects.filter(sku__in=ids)
    rows = items.order_by("sku").values_list("sku", "available", "version")[:limit]
    return [{"id": sku, "available": available, "sequence": version} for sku, available, version in rows]


@pending
def reservations_to_expire() -> int:
    """Reservations whose time is up and whose units are not free yet."""
    return Reservation.objects.filter(state=ReservationState.ACTIVE, expires_at__lte=Now()).count()


@pending
def low_stock_to_announce() -> int:
    """SKUs that fell to their reorder point and nobody was told."""
    count: int = Item.objects.filter(low_due=True).count()
    return count


def _units(lines: Iterable[ReservationLine]) -> dict[str, int]:
    units: Counter[str] = Counter()
    for line in lines:
        units[line.stock.item_id] += line.units
    return dict(units)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
