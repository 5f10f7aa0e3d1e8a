"""What inventory does: each public function is one transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection, models
from django.db.models import F, Q

from apps.inventory import ledger
from apps.inventory.events import StockChanged, StockLow
from apps.inventory.ledger import Entry, Level
from apps.inventory.models import Item, Movement, MovementKind, Reservation, ReservationState, Warehouse
from shop import wake
from shop.events.emit import emit
from shop.transactions import command

UnknownWarehouse = ledger.UnknownWarehouse

OPENING_WAREHOUSE = "main"  # comes with the tables
OPENING = "opening stock"  # the receipts' reference


class OutOfStock(Exception):
    """``short`` says how many units of each SKU are missing. Nothing was reserved."""

    def __init__(self, short: Mapping[str, int]) -> None:
        super().__init__(dict(short))
        self.short = dict(short)


class Superseded(Exception):
    """The reservation has ended, or was released before it ever arrived: it never takes effect."""


class DifferentLines(Exception):
    """The id was used for a reservation of other lines."""


@command
def reserve(*, reservation_id: UUID, lines: Mapping[str, int], lifetime_s: float) -> Reservation:
    """Promise every line (SKU -> units) to one order, or none, for ``lifetime_s`` seconds.

    A repeat with the same id and lines returns the first result. Raises OutOfStock; Superseded when
    the reservation has ended, or was released before it ever arrived; DifferentLines.
    """
    reservation = Reservation.objects.open(reservation_id, lifetime_s=lifetime_s)
    if reservation is None:
        return _repeated(Reservation.objects.get(pk=reservation_id), lines)
    entries, short = ledger.allocate(lines, ledger.lock(lines))
    if short:
        raise OutOfStock(short)  # rolls the reservation back too
    _announce(ledger.promise(reservation_id, entries).levels)
    return reservation


def _repeated(reservation: Reservation, lines: Mapping[str, int]) -> Reservation:
    if reservation.state in {ReservationState.RELEASED, ReservationState.EXPIRED}:
        raise Superseded
    if reservation.units() != dict(lines):
        raise DifferentLines
    return reservation


class ReservationGone(Exception):
    """The reservation has expired or was released, or there never was one: its units are not held."""


@command
def secure(*, reservation_id: UUID) -> None:
    """Let a reservation no longer expire; safe to repeat. Raises ReservationGone.

    The database's clock decides, not whether the units have been freed yet: who asks twice gets the
    same answer.
    """
    if Reservation.objects.secure(reservation_id):
        return
    state = Reservation.objects.state_of(reservation_id)
    if state not in {ReservationState.SECURED, ReservationState.COMMITTED}:
        raise ReservationGone


class NotSecured(Exception):
    """The reservation may still expire: secure it first."""


@command
def commit(*, reservation_id: UUID) -> None:
    """The units leave the warehouse; safe to repeat. Raises ReservationGone, NotSecured.

    No event: what is available stays the same, since on hand and reserved fall together.
    """
    if Reservation.objects.move(reservation_id, ReservationState.COMMITTED):
        ledger.settle([reservation_id], MovementKind.SHIP)
        return
    state = Reservation.objects.state_of(reservation_id)
    if state == ReservationState.ACTIVE:
        raise NotSecured
    if state != ReservationState.COMMITTED:
        raise ReservationGone


class AlreadyCommitted(Exception):
    """The units have left the warehouse: there is nothing to release."""


@command
def release(*, reservation_id: UUID) -> None:
    """Free the units again; safe to repeat. Raises AlreadyCommitted.

    Of an id never seen it leaves a tombstone, so that a late reserve is refused.
    """
    released = Reservation.objects.move(reservation_id, ReservationState.RELEASED)
    if not released:
        if Reservation.objects.bury(reservation_id):
            return
        # Known after all: ended long ago, or a reserve in flight that bury() waited for.
        released = Reservation.objects.move(reservation_id, ReservationState.RELEASED)
    if released:
        _announce(ledger.settle([reservation_id], MovementKind.RELEASE).levels)
    elif Reservation.objects.state_of(reservation_id) == ReservationState.COMMITTED:
        raise AlreadyCommitted


@command
def expire(*, limit: int = 50) -> int:
    """Free the units of reservations whose time has come, ``limit`` at most; return how many."""
    expired = Reservation.objects.take_expired(limit=limit)
    if expired:
        _announce(ledger.settle(expired, MovementKind.RELEASE).levels)
    return len(expired)


@command
def receive(*, sku: str, warehouse: str, quantity: int, reference: str, actor: str) -> Movement:
    """Book the receipt of ``quantity`` units; the first one of a SKU makes it known. Raises UnknownWarehouse."""
    return _moved(MovementKind.RECEIPT, ledger.stock_of(sku, warehouse), quantity, reference, actor)


@command
def open_stock(*, units: Mapping[str, int]) -> None:
    """Book a first receipt of each SKU (-> units) that never moved; leave the others alone. Raises UnknownWarehouse.

    A repeat changes nothing: by then they have moved. Those that moved before are not even locked,
    and who moves one at the same time is waited for.
    """
    fresh = set(units) - Item.objects.moved(units)
    if not fresh:
        return
    stocks = ledger.stocks_of(sorted(fresh), OPENING_WAREHOUSE)
    ledger.lock(fresh)
    entries = [Entry(stock_id=stocks[sku], on_hand=units[sku]) for sku in sorted(fresh - Item.objects.moved(fresh))]
    if entries:
        _announce(ledger.record(MovementKind.RECEIPT, entries, reference=OPENING, actor="").levels)


class UnitsReserved(Exception):
    """Only ``free`` units may go: the others are not there, or are promised to orders."""

    def __init__(self, free: int) -> None:
        super().__init__(free)
        self.free = free


@command
def adjust(*, kind: MovementKind, sku: str, warehouse: str, delta: int, reason: str, actor: str) -> Movement:
    """Correct what is on hand by ``delta``: ADJUSTMENT, up or down, WRITE_OFF, down, or RESTOCK, up.

    Raises UnknownWarehouse, UnitsReserved.
    """
    stock_id = ledger.stock_of(sku, warehouse)
    free = next(shelf.free for shelf in ledger.lock([sku])[sku] if shelf.stock_id == stock_id)
    if free + delta < 0:
        raise UnitsReserved(free)
    return _moved(kind, stock_id, delta, reason, actor)


def _moved(kind: MovementKind, stock_id: int, units: int, reference: str, actor: str) -> Movement:
    entry = Entry(stock_id=stock_id, on_hand=units)
    recorded = ledger.record(kind, [entry], reference=reference, actor=actor)
    _announce(recorded.levels)
    movement: Movement = Movement.objects.of_kinds(kind).get(pk=recorded.movement_id)
    return movement


class WarehouseExists(Exception):
    """A warehouse has this code already."""


@command
def open_warehouse(*, code: str, name: str, priority: int) -> Warehouse:
    """Open a warehouse; reservations draw on the lowest ``priority`` first. Raises WarehouseExists."""
    warehouse, created = Warehouse.objects.get_or_create(code=code, defaults={"name": name, "priority": priority})
    if not created:
        raise WarehouseExists
    return warehouse


@command
def change_warehouse(*, code: str, name: str, priority: int) -> Warehouse:
    """Rename a warehouse, or move it in the order in which reservations draw on stock. Raises UnknownWarehouse."""
    if not Warehouse.objects.filter(pk=code).update(name=name, priority=priority):
        raise UnknownWarehouse(code)
    return Warehouse(code=code, name=name, priority=priority)


@command
def set_reorder_point(*, sku: str, units: int) -> None:
    """Let stock.low.v1 be emitted at ``units`` available; at once if that is what raising it means."""
    low, was_low = Q(available__lte=units), Q(available__lte=F("reorder_point"))
    due = models.Case(
        models.When(low & (Q(low_due=True) | ~was_low), then=True), default=False, output_field=models.BooleanField()
    )
    Item.objects.filter(pk=sku).update(low_due=due, reorder_point=units)
    wake.after_commit("inventory", "announce_low_stock")


@command
def announce_low_stock(*, limit: int = 50) -> int:
    """Emit stock.low.v1 for SKUs that fell to their reorder point, ``limit`` at most; return how many.

    Apart from the commands that move units, so that a reservation costs the same however many of
    its lines run low.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_LOW, [limit])
        low = cursor.fetchall()
    for sku, available, threshold, version in low:
        emit(StockLow(sku=sku, available=available, threshold=threshold), aggregate=sku, sequence=version)
    return len(low)


def _announce(levels: Sequence[Level]) -> None:
    """Tell what has changed, in one event of one statement, whatever the number of SKUs."""
    if not levels:
        return
    first = levels[0]
    changed = StockChanged(
        levels=[{"sku": level.sku, "available": level.available, "sequence": level.sequence} for level in levels]
    )
    emit(changed, aggregate=first.sku, sequence=first.sequence)
    if any(level.low_due for level in levels):
        wake.after_commit("inventory", "announce_low_stock")


_TAKE_LOW = """
UPDATE inventory_item SET low_due = false
WHERE sku IN (SELECT sku FROM inventory_item WHERE low_due ORDER BY sku LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING sku, available, reorder_point, version
"""
