"""Taxes, quotes, orders with their lines, fulfilments, refunds and timeline; projections of payments."""

import uuid
from typing import ClassVar, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Now
from django.utils.functional import cached_property

from apps.order.leases import Leased
from apps.order.states import CAPTURED_AT, Note, Position, Reason, State
from shop.changes.fields import StaffActor
from shop.fields import COUNTRY_PATTERN, AmountField, CurrencyField, SkuField
from shop.identity.models import Account
from shop.money import Money

_country = RegexValidator(rf"^{COUNTRY_PATTERN}\Z", "A country is two capital letters (ISO 3166-1 alpha-2).")


class TaxCountry(models.Model):
    """A country whose tax is charged. Where ``prices_include_tax``, catalogue prices contain it.

    A country without a row is charged none.
    """

    country = models.CharField(max_length=2, primary_key=True, validators=[_country])
    prices_include_tax = models.BooleanField(default=True)

    class Meta:
        ordering = ["country"]
        verbose_name_plural = "tax countries"

    def __str__(self) -> str:
        return self.country


class TaxRate(models.Model):
    """Per cent of tax on one class of goods. A class without a row is taxed as "standard".

    Invariant, held by the database: one rate per country and class.
    """

    country = models.ForeignKey(TaxCountry, on_delete=models.CASCADE, related_name="rates", db_index=False)
    tax_class = models.CharField(max_length=20)
    percent = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        ordering = ["country_id", "tax_class"]
        constraints = [
            models.UniqueConstraint(fields=["country", "tax_class"], name="tax_rate_once"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lt=100), name="tax_rate_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.country_id} {self.tax_class} {self.percent} %"


class Terms(models.Model):
    """What a quote promises and its order keeps: who, where to, how, and for how much.

    ``total`` is ``subtotal - discount + shipping``, plus ``tax`` where prices do not include it;
    ``tax`` is that of the lines and ``shipping_tax``.
    """

    customer_id = models.UUIDField(null=True)  # null: a guest
    email = models.CharField(max_length=254, blank=True, db_default="")  # of a guest
    cart_id = models.CharField(max_length=64, blank=True, db_default="")  # empty: lines named in the request
    currency = CurrencyField()
    prices_include_tax = models.BooleanField()
    shipping_address = models.JSONField()
    shipping_method = models.CharField(max_length=40)
    shipping_name = models.CharField(max_length=80)
    subtotal = AmountField()
    discount = AmountField(db_default=0)
    shipping = AmountField()
    shipping_tax = AmountField()
    tax = AmountField()
    total = AmountField()

    class Meta:
        abstract = True

    def money(self, amount: object) -> Money:
        """``amount``, a value of one of the columns, in this currency."""
        return Money(amount, self.currency)  # type: ignore[arg-type]  # AmountField is typed Any


TERMS = tuple(field.attname for field in Terms._meta.local_fields)


class DatabaseTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """A moment that an expression decides; the INSERT reads it back."""

    db_returning = True


class Quote(Terms):
    """An offer with everything frozen until ``expires_at``. Never changed once written.

    It belongs to its customer, or to the guest cart whose token hashes to ``cart_token_hash``; with
    neither, its id is the capability. ``lines`` are objects with the columns of OrderLine.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    cart_token_hash = models.CharField(max_length=64, blank=True, db_default="")  # SHA-256, hexadecimal
    lines = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = DatabaseTimeField()

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["expires_at"], name="quote_expires")]

    def __str__(self) -> str:
        return str(self.pk)


def derived(order_id: uuid.UUID, name: str) -> uuid.UUID:
    """The id of the order's one ``name`` at another role: known before the first call, the same for each repeat."""
    return uuid.uuid5(order_id, name)


# OrderQuerySet.undecided() as SQL.
UNDECIDED = "state = 'pending' OR (state = 'confirmed' AND cancel_requested)"


class OrderQuerySet(models.QuerySet["Order"]):
    """The questions asked of orders, each a constant number of queries."""

    def of_customer(self, customer_id: uuid.UUID) -> Self:
        return self.filter(customer_id=customer_id)

    def undecided(self) -> Self:
        """Orders that somebody may be waiting for."""
        return self.filter(Q(state=State.PENDING) | Q(state=State.CONFIRMED, cancel_requested=True))

    def for_list(self) -> Self:
        """What a row of a list shows, in two queries, newest first; ``id`` breaks ties for the cursor."""
        return self.prefetch_related("lines").order_by("-placed_at", "-id")

    def for_page(self) -> Self:
        """All that one order shows, in five queries."""
        return self.prefetch_related("lines", "fulfilments", "refunds").select_related("payment")


class Order(Terms, Leased):
    """A quote that was taken up. ``step`` is where its saga stands; only ``saga`` and ``services`` write it.

    Invariants, held by the database: at most one order per quote that is not rejected; an order is
    due exactly while its saga is not at rest; pending and confirmed orders are never at rest.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.CharField(max_length=10, unique=True)
    quote = models.ForeignKey(Quote, on_delete=models.PROTECT, related_name="orders", db_index=False)
    state = models.CharField(max_length=10, choices=State, db_default=State.PENDING, default=State.PENDING)
    reason = models.CharField(max_length=24, choices=Reason, blank=True, db_default="", default="")
    refusal = models.JSONField(db_default=Value({}, models.JSONField()), default=dict)  # further members of its problem
    step = models.CharField(
        max_length=16, choices=Position, db_default=Position.RESERVE, default=Position.RESERVE, blank=True
    )
    cancel_requested = models.BooleanField(db_default=False, default=False)
    payment_id = models.UUIDField(unique=True)
    reservation_id = models.UUIDField(unique=True)
    payment_token = models.CharField(max_length=255, blank=True, db_default="", default="")  # until answered
    payment_reference = models.CharField(max_length=255)  # the client's Idempotency-Key
    placed_at = models.DateTimeField(db_default=Now())

    is_new = False  # this instance is the one that was placed: it has no rows of others yet

    objects: ClassVar[OrderQuerySet] = OrderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-placed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["quote"], condition=~Q(state=State.REJECTED), name="order_one_standing_per_quote"
            ),
            models.CheckConstraint(
                condition=Q(step="", due_at=None) | (~Q(step="") & Q(due_at__isnull=False)),
                name="order_due_unless_at_rest",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=(State.PENDING, State.CONFIRMED)) | ~Q(step=""), name="order_open_is_not_at_rest"
            ),
            models.CheckConstraint(condition=Q(total__gte=0), name="order_total_not_negative"),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="order_due", condition=Q(due_at__isnull=False, parked=False)),
            models.Index(fields=["customer_id", "-placed_at", "-id"], name="order_of_customer"),
            models.Index(fields=["-placed_at", "-id"], name="order_newest"),
            models.Index(fields=["email", "-placed_at"], name="order_of_guest", condition=~Q(email="")),
            models.Index(fields=["-placed_at"], name="order_parked", condition=Q(parked=True)),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def shipment_id(self) -> uuid.UUID:
        """Of its one fulfilment."""
        return derived(self.pk, "shipment")

    @property
    def is_captured(self) -> bool:
        """Whether its total has been taken, by the answers the saga has."""
        taken = self.state == State.CONFIRMED and self.step in CAPTURED_AT
        return taken or self.state in (State.SHIPPED, State.DELIVERED)

    @cached_property
    def line_items(self) -> list["OrderLine"]:
        """Its lines, read once; placing an order puts here what it has just written."""
        return list(self.lines.all())

    @property
    def customer(self) -> str:
        """``customer_id`` as other roles name it: "" for a guest."""
        return str(self.customer_id or "")


class OrderLine(models.Model):
    """Units of one SKU at the quote's price. ``total`` is ``quantity * unit_price``; ``tax`` is in it, or comes on top.

    Invariant, held by the database: one line per position, and one per SKU.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveSmallIntegerField()
    sku = SkuField()
    name = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_price = AmountField()
    tax_class = models.CharField(max_length=20)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=2)  # per cent
    tax = AmountField()
    total = AmountField()

    class Meta:
        ordering = ["order_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position_once"),
            models.UniqueConstraint(fields=["order", "sku"], name="order_line_sku_once"),
            models.CheckConstraint(condition=Q(total=F("quantity") * F("unit_price")), name="order_line_total"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class Fulfilment(models.Model):
    """One parcel of an order; its id is the shipment's. The rest is shipping's word, by its events.

    ``sequence`` is that of the newest event seen; 0: none yet.
    """

    id = models.UUIDField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fulfilments")
    status = models.CharField(max_length=20, db_default="pending", default="pending")
    tracking_number = models.CharField(max_length=32, blank=True, db_default="", default="")
    sequence = models.BigIntegerField(db_default=0, default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["order_id", "id"]

    def __str__(self) -> str:
        return self.tracking_number or str(self.pk)


class Payment(models.Model):
    """The order's payment as payment's events tell it: readable with payment down.

    ``attempts`` are {"outcome", "code", "at"}. ``sequence`` is that of the newest event seen.
    """

    order = models.OneToOneField(
        Order, to_field="payment_id", db_column="id", primary_key=True, on_delete=models.PROTECT, related_name="payment"
    )
    status = models.CharField(max_length=20)
    authorised = AmountField()
    captured = AmountField()
    refunded = AmountField()
    attempts = models.JSONField()
    sequence = models.BigIntegerField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["order_id"]

    def __str__(self) -> str:
        return f"{self.order_id} {self.status}"


class RefundStatus(models.TextChoices):
    PENDING = "pending"  # asked for; repeated until payment answers
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class Refund(Leased):
    """Money given back. Its id is the refund's at payment, so asking may be repeated.

    ``shares`` says which lines it is for: an amount per line in their order, then shipping's (with,
    where prices do not include it, the tax). ``units`` are the units given back by SKU, empty for a
    refund of an amount. Invariant, held by the database: due while pending.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    amount = AmountField()
    shares = models.JSONField()
    units = models.JSONField(db_default=Value({}, models.JSONField()), default=dict)
    status = models.CharField(
        max_length=10, choices=RefundStatus, db_default=RefundStatus.PENDING, default=RefundStatus.PENDING
    )
    code = models.CharField(max_length=60, blank=True, db_default="", default="")  # why it was refused
    requested_at = models.DateTimeField(db_default=Now())

    is_new = False  # this instance is the one that was written: nobody else has asked payment for it

    class Meta:
        ordering = ["order_id", "requested_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_more_than_zero"),
            models.CheckConstraint(
                condition=Q(status=RefundStatus.PENDING, due_at__isnull=False)
                | (~Q(status=RefundStatus.PENDING) & Q(due_at=None)),
                name="refund_due_while_pending",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="refund_due", condition=Q(due_at__isnull=False, parked=False)),
            models.Index(fields=["-requested_at", "-id"], name="refund_newest"),
            models.Index(fields=["requested_at"], name="refund_parked", condition=Q(parked=True)),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.order_id}"


class TimelineQuerySet(models.QuerySet["TimelineEntry"]):
    """The questions asked of timelines."""

    def with_actors(self) -> Self:
        """Each with ``actor_email``: None where nobody of the staff acted, or this role has never seen them."""
        email = Account.objects.filter(pk=OuterRef("actor")).values("email")
        return self.annotate(actor_email=Subquery(email))


class TimelineEntry(models.Model):
    """What happened to an order: it reached the state ``to``, or there is a ``note``. Append-only.

    The entry of a transition commits with it; its id orders the order's events.
    """

    id = models.BigAutoField(primary_key=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="timeline", db_index=False)
    to = models.CharField(max_length=10, choices=State, blank=True, db_default="")
    note = models.CharField(max_length=20, choices=Note, blank=True, db_default="")
    detail = models.CharField(max_length=300, blank=True, db_default="")
    actor = models.UUIDField(null=True, editable=False, db_default=StaffActor())  # who of the staff did it
    at = models.DateTimeField(db_default=Now())

    objects = TimelineQuerySet.as_manager()

    class Meta:
        ordering = ["order_id", "id"]
        verbose_name_plural = "timeline entries"
        indexes = [models.Index(fields=["order", "id"], name="timeline_of_order")]
        constraints = [
            models.CheckConstraint(
                condition=(Q(to="") & ~Q(note="")) | (~Q(to="") & Q(note="")), name="timeline_state_or_note"
            )
        ]

    def __str__(self) -> str:
        return self.to or self.note
