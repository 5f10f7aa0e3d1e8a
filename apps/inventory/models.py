"""Warehouses, stock and its ledger, reservations."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Now

from shop.fields import SkuField

DEFAULT_REORDER_POINT = 5  # units; until staff know better


class Warehouse(models.Model):
    """A place with stock. "main" comes with the tables. Reservations draw on the lowest ``priority`` first."""

    code = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=80)
    priority = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["priority", "code"]

    def __str__(self) -> str:
        return self.code


class ItemQuerySet(models.QuerySet["Item"]):
    """The questions asked of items, each a constant number of queries."""

    def with_warehouses(self) -> Self:
        """With the stock of each warehouse, in two queries."""
        return self.prefetch_related(models.Prefetch("stocks", Stock.objects.order_by("warehouse_id")))

    def available(self, skus: Iterable[str]) -> dict[str, int]:
        """Units of each of ``skus`` that nobody was promised; an unknown SKU has none."""
        known = self.filter(sku__in=list(skus)).values_list("sku", "available")
        return dict.fromkeys(skus, 0) | dict(known)

    def moved(self, skus: Iterable[str]) -> set[str]:
        """Those of ``skus`` that have a movement in any warehouse."""
        movements = Movement.objects.filter(stock__item=models.OuterRef("pk"))
        return set(self.filter(models.Exists(movements), sku__in=list(skus)).values_list("sku", flat=True))


class Item(models.Model):
    """One SKU over all warehouses.

    ``available`` is what can still be promised: the sum of on_hand - reserved, moved in the same
    statement as these. ``version`` grows with each change of it and orders the levels in
    stock.changed.v1. ``low_due`` says that it fell to ``reorder_point`` and stock.low.v1 is yet to
    be emitted. ``low``: it is there, told or not. Invariant, held by the database: available >= 0.
    Only ``ledger`` moves units.
    """

    sku = SkuField(primary_key=True, db_collation="C")  # code point order, as the audit compares
    available = models.BigIntegerField(db_default=0)
    version = models.BigIntegerField(db_default=0)
    reorder_point = models.PositiveIntegerField(db_default=DEFAULT_REORDER_POINT)
    low_due = models.BooleanField(db_default=False)
    low = models.GeneratedField(
        expression=Q(available__lte=F("reorder_point")),  # type: ignore[arg-type]  # the stubs forget conditions
        output_field=models.BooleanField(),
        db_persist=True,
    )

    objects: ClassVar[Any] = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["sku"]
        constraints = [
            models.CheckConstraint(condition=Q(available__gte=0), name="item_available_not_negative"),
        ]
        indexes = [
            # On flags that rarely turn, so that an update of ``available`` stays within its page (HOT).
            models.Index(fields=["sku"], name="item_low_due", condition=Q(low_due=True)),
            models.Index(fields=["sku"], name="item_low", condition=Q(low=True)),
        ]

    def __str__(self) -> str:
        return str(self.sku)


class Stock(models.Model):
    """Units of one SKU in one warehouse: ``on_hand`` of them, ``reserved`` of these promised to orders.

    Invariants, held by the database: 0 <= reserved <= on_hand; one row per SKU and warehouse. Both
    equal the sums of the ledger's movements. Only ``ledger`` moves units.
    """

    id = models.BigAutoField(primary_key=True)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="stocks", db_index=False)
    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="stocks")
    on_hand = models.BigIntegerField(db_default=0)
    reserved = models.BigIntegerField(db_default=0)

    class Meta:
        ordering = ["item", "warehouse"]
        verbose_name_plural = "stock"
        constraints = [
            models.UniqueConstraint(fields=["item", "warehouse"], name="stock_once_per_warehouse"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_reserved_le_on_hand"),
        ]

    def __str__(self) -> str:
        return f"{self.item_id} in {self.warehouse_id}"


class ReservationState(models.TextChoices):
    ACTIVE = "active"  # holds its units until expires_at
    SECURED = "secured"  # holds its units until committed or released
    COMMITTED = "committed"  # the units have left the warehouse
    RELEASED = "released"  # the units are free again; without lines: a tombstone
    EXPIRED = "expired"  # nobody secured it in time; the units are free again


HOLDING = (ReservationState.ACTIVE, ReservationState.SECURED)

# The one table of transitions: each state, and those it may be reached from.
REACHED_FROM: Mapping[ReservationState, tuple[ReservationState, ...]] = {
    ReservationState.SECURED: (ReservationState.ACTIVE,),
    ReservationState.COMMITTED: (ReservationState.SECURED,),
    ReservationState.RELEASED: HOLDING,
    ReservationState.EXPIRED: (ReservationState.ACTIVE,),
}


class ReservationManager(models.Manager["Reservation"]):
    """Makes reservations and moves them from state to state. The database's clock decides."""

    def open(self, reservation_id: UUID, *, lifetime_s: float) -> "Reservation | None":
        """Insert an active reservation; None when the id is known. Waits for one in flight with the same id."""
        rows = list(self.raw(_OPEN, [reservation_id, lifetime_s]))
        return rows[0] if rows else None

    def bury(self, reservation_id: UUID) -> bool:
        """Leave a tombstone; False when the id is known. Waits for one in flight with the same id."""
        with connection.cursor() as cursor:
            cursor.execute(_BURY, [reservation_id])
            return bool(cursor.rowcount)

    def move(self, reservation_id: UUID, to: ReservationState) -> bool:
        """Move a reservation to ``to``; False when it is in no state that leads there."""
        found = self.filter(pk=reservation_id, state__in=REACHED_FROM[to])
        return bool(found.update(state=to, changed_at=Now()))

    def secure(self, reservation_id: UUID) -> bool:
        """Move an active reservation whose time has not come to secured; False when there is none."""
        found = self.filter(pk=reservation_id, state=ReservationState.ACTIVE, expires_at__gt=Now())
        return bool(found.update(state=ReservationState.SECURED, changed_at=Now()))

    def state_of(self, reservation_id: UUID) -> str | None:
        return self.filter(pk=reservation_id).values_list("state", flat=True).first()

    def take_expired(self, *, limit: int) -> list[UUID]:
        """Move reservations whose time has come to expired, skipping those somebody else is moving."""
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_EXPIRED, [limit])
            return [row[0] for row in cursor.fetchall()]


class Reservation(models.Model):
    """Units promised to one order; ``id`` is the order's choice, so that reserving may be repeated.

    A released row without lines is a tombstone: released before it was ever reserved, so that the
    late reserve is refused. Invariant, held by the database: exactly tombstones have no end.
    Only ``services`` changes the state, along REACHED_FROM.
    """

    id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=9, choices=ReservationState)
    expires_at = models.DateTimeField(null=True)  # of what was reserved; secured, it no longer matters
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[ReservationManager] = ReservationManager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ReservationState.values), name="reservation_state_known"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=False) | Q(state=ReservationState.RELEASED),
                name="reservation_expires_or_tombstone",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="reservation_expiry", condition=Q(state=ReservationState.ACTIVE)),
            models.Index(fields=["-created_at", "id"], name="reservation_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.state})"

    def units(self) -> dict[str, int]:
        """SKU -> units, over all warehouses."""
        rows = self.lines.values_list("stock__item_id").annotate(total=models.Sum("units"))
        return dict(rows.order_by("stock__item_id"))


class ReservationLine(models.Model):
    """``units`` of a reservation come from ``stock``; a SKU has a line per warehouse it is split over.

    Written with the reservation, never changed: when it ends, its lines say what it was.
    """

    id = models.BigAutoField(primary_key=True)
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, related_name="lines", db_index=False)
    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="+")
    units = models.PositiveIntegerField()

    class Meta:
        ordering = ["reservation", "stock"]
        constraints = [
            models.UniqueConstraint(fields=["reservation", "stock"], name="line_once_per_stock"),
            models.CheckConstraint(condition=Q(units__gt=0), name="line_units_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.units} for {self.reservation_id}"


class MovementKind(models.TextChoices):
    """Why units moved; the signs each allows are the constraint ``movement_signs``."""

    RECEIPT = "receipt"  # a delivery of a supplier
    RESTOCK = "restock"  # came back and can be sold again
    ADJUSTMENT = "adjustment"  # a count corrected the books, up or down
    WRITE_OFF = "write-off"  # broken, lost or expired
    RESERVE = "reserve"
    RELEASE = "release"  # also of an expired reservation
    SHIP = "ship"  # on hand and reserved fall together

    def allows(self, delta: int) -> bool:
        """Whether staff may change what is on hand by ``delta`` for this reason."""
        if delta > 0:
            return self in {MovementKind.RECEIPT, MovementKind.RESTOCK, MovementKind.ADJUSTMENT}
        return delta < 0 and self in {MovementKind.ADJUSTMENT, MovementKind.WRITE_OFF}


_UP, _DOWN, _STILL = Q(on_hand__gt=0), Q(on_hand__lt=0), Q(on_hand=0)
_PROMISED, _FREED, _UNPROMISED = Q(reserved__gt=0), Q(reserved__lt=0), Q(reserved=0)

_SIGNS = (
    (Q(kind__in=[MovementKind.RECEIPT, MovementKind.RESTOCK], reservation=None) & _UP & _UNPROMISED)
    | (Q(kind=MovementKind.ADJUSTMENT, reservation=None) & ~_STILL & _UNPROMISED)
    | (Q(kind=MovementKind.WRITE_OFF, reservation=None) & _DOWN & _UNPROMISED)
    | (Q(kind=MovementKind.RESERVE, reservation__isnull=False) & _STILL & _PROMISED)
    | (Q(kind=MovementKind.RELEASE, reservation__isnull=False) & _STILL & _FREED)
    | (Q(kind=MovementKind.SHIP, reservation__isnull=False, on_hand=F("reserved")) & _DOWN)
)


class MovementQuerySet(models.QuerySet["Movement"]):
    def of_kinds(self, *kinds: MovementKind) -> Self:
        """Movements of ``kinds`` with their SKU and warehouse, in one query, newest first."""
        return self.filter(kind__in=kinds).select_related("stock").order_by("-id")


class Movement(models.Model):
    """One entry of the ledger: the counters of ``stock`` moved by ``on_hand`` and ``reserved``.

    Append-only: a trigger refuses UPDATE and DELETE. Written in the same statement as the counters,
    by ``ledger`` alone. ``reference`` is a receipt's delivery note, or an adjustment's reason;
    ``actor`` the account of the staff member, empty for what an order caused.
    """

    id = models.BigAutoField(primary_key=True)
    stock = models.ForeignKey(Stock, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=10, choices=MovementKind)
    on_hand = models.BigIntegerField()
    reserved = models.BigIntegerField()
    reservation = models.ForeignKey(Reservation, on_delete=models.PROTECT, null=True, related_name="movements")
    reference = models.CharField(max_length=200, blank=True, db_default="")
    actor = models.CharField(max_length=36, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = MovementQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=_SIGNS, name="movement_signs")]
        indexes = [
            models.Index(
                fields=["-id"],
                name="movement_by_staff",
                condition=Q(reservation=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


_OPEN = """
INSERT INTO inventory_reservation (id, state, expires_at)
VALUES (%s, 'active', statement_timestamp() + make_interval(secs => %s::double precision))
ON CONFLICT (id) DO NOTHING RETURNING *
"""

_BURY = "INSERT INTO inventory_reservation (id, state) VALUES (%s, 'released') ON CONFLICT (id) DO NOTHING"

# statement_timestamp(), unlike clock_timestamp(), is stable within the statement: the index can be searched by it.
_TAKE_EXPIRED = """
UPDATE inventory_reservation SET state = 'expired', changed_at = statement_timestamp()
WHERE id IN (
    SELECT id FROM inventory_reservation
    WHERE state = 'active' AND expires_at <= statement_timestamp()
    ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""
