"""Moving units: the append-only ledger and the counters that follow it, in one statement.

Locks are taken in one order everywhere, so that two commands cannot deadlock: by SKU, the item before
its stock, and that by warehouse. (PostgreSQL locks the tables of a row in the order FOR NO KEY UPDATE
names them.) And as late as a command can, so that a hot SKU is held shortly.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from apps.inventory.models import Item, MovementKind, Stock, Warehouse
from shop.transactions import step


class UnknownWarehouse(Exception):
    """No warehouse has this code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """A locked row of stock: ``free`` units of it are promised to nobody."""

    stock_id: int
    warehouse: str
    priority: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """By how much the counters of one row of stock are to move."""

    stock_id: int
    on_hand: int = 0
    reserved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a SKU has available since a change; ``low_due``: stock.low.v1 is yet to be emitted."""

    sku: str
    available: int
    sequence: int
    low_due: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The first entry written, and the levels that changed, by SKU."""

    movement_id: int
    levels: Sequence[Level]


@step
def lock(skus: Iterable[str]) -> dict[str, list[Shelf]]:
    """Lock all stock of ``skus``; the shelves of each in the order in which reservations draw on them."""
    shelves: dict[str, list[Shelf]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [sorted(skus)])
        for sku, stock_id, warehouse, priority, free in cursor.fetchall():
            shelves[sku].append(Shelf(stock_id=stock_id, warehouse=warehouse, priority=priority, free=free))
    for found in shelves.values():
        found.sort(key=lambda shelf: (shelf.priority, shelf.warehouse))
    return shelves


def allocate(lines: Mapping[str, int], shelves: Mapping[str, Sequence[Shelf]]) -> tuple[list[Entry], dict[str, int]]:
    """Draw each line (SKU -> units) from its shelves in turn; entries, and what is missing by SKU."""
    entries, short = [], {}
    for sku, units in lines.items():
        for shelf in shelves.get(sku, ()):
            taken = min(units, shelf.free)
            if taken > 0:
                entries.append(Entry(stock_id=shelf.stock_id, reserved=taken))
                units -= taken
        if units:
            short[sku] = units
    return entries, short


@step
def promise(reservation_id: UUID, entries: Sequence[Entry]) -> Recorded:
    """Write the lines of a reservation and move its units to reserved."""
    return _execute(_PROMISE, _parameters(MovementKind.RESERVE, entries, reservation_id=reservation_id))


@step
def record(kind: MovementKind, entries: Sequence[Entry], *, reference: str, actor: str) -> Recorded:
    """Move units for a reason outside any order."""
    return _execute(_RECORD, _parameters(kind, entries, reference=reference, actor=actor))


@step
def settle(reservation_ids: Sequence[UUID], kind: MovementKind) -> Recorded:
    """End the promise of whole reservations: RELEASE frees their units, SHIP takes them off the shelves."""
    shipped = 1 if kind == MovementKind.SHIP else 0
    ended = {"reservations": list(reservation_ids), "shipped": shipped}
    return _execute(_SETTLE, {"kind": kind.value, "reference": "", "actor": "", **ended})


@step
def stock_of(sku: str, warehouse: str) -> int:
    """The id of the stock of ``sku`` in ``warehouse``, which begins with nothing. Raises UnknownWarehouse."""
    return stocks_of([sku], warehouse)[sku]


@step
def stocks_of(skus: Sequence[str], warehouse: str) -> dict[str, int]:
    """The id of the stock of each of ``skus`` in ``warehouse``, as ``stock_of``."""
    found = Stock.objects.filter(item__in=skus, warehouse=warehouse).values_list("item_id", "pk")
    known = dict(found)
    if new := sorted(set(skus) - known.keys()):  # sorted: two who insert the same ones cannot deadlock
        if not Warehouse.objects.filter(pk=warehouse).exists():
            raise UnknownWarehouse(warehouse)
        Item.objects.bulk_create([Item(sku=sku) for sku in new], ignore_conflicts=True)
        Stock.objects.bulk_create([Stock(item_id=sku, warehouse_id=warehouse) for sku in new], ignore_conflicts=True)
        known = dict(found.all())
    return known


def _parameters(
    kind: MovementKind,
    entries: Sequence[Entry],
    *,
    reservation_id: UUID | None = None,
    reference: str = "",
    actor: str = "",
) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "stock": [entry.stock_id for entry in entries],
        "on_hand": [entry.on_hand for entry in entries],
        "reserved": [entry.reserved for entry in entries],
        "reservation": reservation_id,
        "reference": reference,
        "actor": actor,
    }


def _execute(sql: str, parameters: Mapping[str, Any]) -> Recorded:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    levels = [
        Level(sku=sku, available=available, sequence=version, low_due=low_due)
        for sku, available, version, low_due, _ in rows
        if sku is not None
    ]
    return Recorded(movement_id=rows[0][4], levels=levels)


_LOCK = """
SELECT stock.item_id, stock.id, stock.warehouse_id, warehouse.priority, stock.on_hand - stock.reserved
FROM inventory_item item
JOIN inventory_stock stock ON stock.item_id = item.sku
JOIN inventory_warehouse warehouse ON warehouse.code = stock.warehouse_id
WHERE stock.item_id = ANY(%s::text[])
ORDER BY stock.item_id, stock.warehouse_id
FOR NO KEY UPDATE OF item, stock
"""

_GIVEN = """
WITH entry AS MATERIALIZED (
    SELECT stock_id, on_hand, reserved, %(reservation)s::uuid AS reservation_id
    FROM unnest(%(stock)s::bigint[], %(on_hand)s::bigint[], %(reserved)s::bigint[])
        AS given(stock_id, on_hand, reserved)
)"""

_LINES = """
, line AS (
    INSERT INTO inventory_reservationline (reservation_id, stock_id, units)
    SELECT reservation_id, stock_id, reserved FROM entry
)"""

_OF_RESERVATIONS = """
WITH entry AS MATERIALIZED (
    SELECT stock_id, -units * %(shipped)s::bigint AS on_hand, -units AS reserved, reservation_id
    FROM inventory_reservationline WHERE reservation_id = ANY(%(reservations)s::uuid[])
)"""

# Summing reads all of ``locked`` before the first counter moves, so the locks are taken in its order.
# Counters move once per row however many entries touch it; ``low_due`` turns on when available falls
# to the reorder point, and off when it rises above it before anybody was told. Columns on the right
# of SET are the old ones.
_MOVE = """
, locked AS MATERIALIZED (
    SELECT stock.id, stock.item_id
    FROM inventory_item item JOIN inventory_stock stock ON stock.item_id = item.sku
    WHERE stock.id IN (SELECT stock_id FROM entry)
    ORDER BY stock.item_id, stock.warehouse_id
    FOR NO KEY UPDATE OF item, stock
), delta AS MATERIALIZED (
    SELECT locked.id, locked.item_id, sum(entry.on_hand)::bigint AS on_hand, sum(entry.reserved)::bigint AS reserved
    FROM locked JOIN entry ON entry.stock_id = locked.id
    GROUP BY locked.id, locked.item_id
), moved AS (
    UPDATE inventory_stock stock SET
        on_hand = stock.on_hand + delta.on_hand, reserved = stock.reserved + delta.reserved
    FROM delta WHERE stock.id = delta.id
), written AS (
    INSERT INTO inventory_movement (stock_id, kind, on_hand, reserved, reservation_id, reference, actor)
    SELECT stock_id, %(kind)s::text, on_hand, reserved, reservation_id, %(reference)s::text, %(actor)s::text
    FROM entry
    RETURNING id
), level AS (
    UPDATE inventory_item item SET
        available = item.available + freed.units,
        version = item.version + 1,
        low_due = item.available + freed.units <= item.reorder_point
            AND (item.low_due OR item.available > item.reorder_point)
    FROM (SELECT item_id, sum(on_hand - reserved)::bigint AS units FROM delta GROUP BY item_id) freed
    WHERE item.sku = freed.item_id AND freed.units <> 0
    RETURNING item.sku, item.available, item.version, item.low_due
)
SELECT level.sku, level.available, level.version, level.low_due, first.id
FROM (SELECT min(id) AS id FROM written) first LEFT JOIN level ON true
ORDER BY level.sku
"""

_PROMISE = _GIVEN + _LINES + _MOVE
_RECORD = _GIVEN + _MOVE
_SETTLE = _OF_RESERVATIONS + _MOVE
