"""Payments, the gateway calls made for them, and the ledger of money that these moved."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from shop.env import env
from shop.fields import AmountField, CurrencyField
from shop.money import Money


class Status(models.TextChoices):
    AUTHORISING = "authorising"  # asked for; the gateway's answer is not known yet
    AUTHORISED = "authorised"
    DECLINED = "declined"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    CAPTURE_REFUSED = "capture_refused"  # the authorisation may still be held: to be voided
    VOIDING = "voiding"
    VOIDED = "voided"  # let go, or a tombstone: compensated before it ever arrived


TRANSITIONS: dict[Status, frozenset[Status]] = {
    # VOIDING at once: the void was asked for while the answer was unknown.
    Status.AUTHORISING: frozenset({Status.AUTHORISED, Status.DECLINED, Status.VOIDING}),
    Status.AUTHORISED: frozenset({Status.CAPTURING, Status.VOIDING}),
    Status.DECLINED: frozenset(),
    Status.CAPTURING: frozenset({Status.CAPTURED, Status.CAPTURE_REFUSED}),
    Status.CAPTURED: frozenset(),
    Status.CAPTURE_REFUSED: frozenset({Status.VOIDING}),
    Status.VOIDING: frozenset({Status.VOIDED}),
    Status.VOIDED: frozenset(),
}
UNDER_WAY = (Status.AUTHORISING, Status.CAPTURING, Status.VOIDING)


class IllegalTransition(Exception):
    """No such step in TRANSITIONS: a defect of the caller."""


class PaymentQuerySet(models.QuerySet["Payment"]):
    """The questions asked of payments, each a constant number of queries."""

    def for_list(self) -> "PaymentQuerySet":
        """All that a payment's page shows, in three queries, newest first; ``id`` breaks ties."""
        return self.prefetch_related("attempts", "refunds").order_by("-created_at", "-id")

    def of(self, account_id: object) -> "PaymentQuerySet":
        """Those of one customer."""
        return self.filter(customer_id=str(account_id))

    def lock(self, payment_id: UUID) -> "Payment | None":
        """Lock one payment until the end of the transaction; None for an unseen id."""
        return self.select_for_update().filter(pk=payment_id).first()

    def lock_held(self, payment: "Payment") -> "Payment | None":
        """Lock ``payment`` as it is now, if its lease is still the caller's; None otherwise."""
        return self.select_for_update().filter(pk=payment.pk, lease_epoch=payment.lease_epoch).first()

    def claim_due(self) -> "Payment | None":
        """Take the lease of the payment that has been due for longest, skipping those that others hold.

        The database's clock decides. ``lease_epoch`` fences a holder that wakes up too late: every
        result is written only where the epoch is still its own.
        """
        return next(iter(self.raw(_CLAIM_DUE, {"lease": LEASE})), None)

    def claim(self, payment_id: UUID, *, key: str) -> "Payment | None":
        """Take the lease of one payment whose attempt ``key`` is unresolved, due or not; None if it is held."""
        return next(iter(self.raw(_CLAIM, {"lease": LEASE, "id": payment_id, "key": key})), None)


class Payment(models.Model):
    """Money of one order: authorised once, then captured whole, or voided.

    ``authorised`` is what the gateway agreed to and has not let go, ``captured`` what it took,
    ``refunded`` what it gave back, ``refunding`` the refunds it has not answered yet. Invariants, held by
    the database: refunded + refunding <= captured <= authorised <= amount; each status has its sums;
    what is under way has a ``due_at``, so that no payment is forgotten.
    """

    id = models.UUIDField(primary_key=True)  # given by the caller
    order_number = models.CharField(max_length=32, blank=True)
    amount = AmountField()
    currency = CurrencyField(blank=True)
    status = models.CharField(max_length=16, choices=Status)
    version = models.PositiveIntegerField(db_default=1)
    authorised = AmountField(db_default=Decimal(0))
    captured = AmountField(db_default=Decimal(0))
    refunded = AmountField(db_default=Decimal(0))
    refunding = AmountField(db_default=Decimal(0))
    reference = models.CharField(max_length=255, blank=True)  # what the gateway knows the payment by
    token = models.CharField(max_length=255, blank=True, db_default="")  # cleared once the gateway has answered
    customer_id = models.CharField(max_length=36, blank=True)  # account id; empty for a guest
    email = models.EmailField(max_length=254, blank=True)  # a guest's; empty for a customer
    void_requested = models.BooleanField(db_default=False)  # while the authorisation is unknown
    parked_reason = models.CharField(max_length=200, blank=True, db_default="")  # not empty: a person decides
    lease_until = models.DateTimeField(null=True)
    lease_epoch = models.PositiveIntegerField(db_default=0)
    due_at = models.DateTimeField(null=True)  # null: at rest
    tries = models.PositiveIntegerField(db_default=0)  # of the step under way
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[Any] = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0) | Q(amount=0, status=Status.VOIDED), name="payment_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunding__gte=0, captured__gte=F("refunded") + F("refunding")),
                name="payment_refunds_le_captured",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[Status.AUTHORISING, Status.DECLINED, Status.VOIDED], authorised=0, captured=0)
                | Q(
                    status__in=[Status.AUTHORISED, Status.CAPTURING, Status.CAPTURE_REFUSED, Status.VOIDING],
                    authorised=F("amount"),
                    captured=0,
                )
                | Q(status=Status.CAPTURED, authorised=F("amount"), captured=F("amount")),
                name="payment_status_has_its_sums",
            ),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False) & (Q(status__in=UNDER_WAY) | Q(refunding__gt=0))
                | Q(due_at__isnull=True, refunding=0) & ~Q(status__in=UNDER_WAY),
                name="payment_under_way_is_due",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="payment_due", condition=Q(due_at__isnull=False, parked_reason="")),
            models.Index(fields=["order_number"], name="payment_order"),
            models.Index(fields=["customer_id", "-created_at"], name="payment_customer"),
            models.Index(fields=["-created_at", "-id"], name="payment_newest"),
            models.Index(fields=["-created_at"], name="payment_parked", condition=~Q(parked_reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.order_number} {self.status}"

    @property
    def total(self) -> Money:
        return Money(self.amount, self.currency)

    @property
    def under_way(self) -> bool:
        """Whether the gateway owes an answer."""
        return self.status in UNDER_WAY or self.refunding > 0

    @property
    def parked(self) -> bool:
        return bool(self.parked_reason)

    def move_to(self, status: Status) -> None:
        """Take one step of TRANSITIONS; not saved. Raises IllegalTransition."""
        if status not in TRANSITIONS[Status(self.status)]:
            raise IllegalTransition(f"payment {self.pk}: {self.status} to {status}")
        self.status = status


class RefundStatus(models.TextChoices):
    PENDING = "pending"  # counts as refunded until the gateway has answered
    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class Refund(models.Model):
    """Part of a captured payment, given back under an id of the caller's."""

    id = models.UUIDField(primary_key=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = AmountField()
    status = models.CharField(max_length=9, choices=RefundStatus, db_default=RefundStatus.PENDING)
    code = models.CharField(max_length=64, blank=True, db_default="")  # the gateway's, of a refusal
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive")]
        indexes = [models.Index(fields=["-created_at", "id"], name="payment_refund_newest")]

    def __str__(self) -> str:
        return f"{self.amount} {self.status}"


class Kind(models.TextChoices):
    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Outcome(models.TextChoices):
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"
    REFUSED = "refused"


ACCEPTED = {
    Kind.AUTHORISE: Outcome.AUTHORISED,
    Kind.CAPTURE: Outcome.CAPTURED,
    Kind.VOID: Outcome.VOIDED,
    Kind.REFUND: Outcome.REFUNDED,
}


def key_of(kind: Kind, resource_id: UUID) -> str:
    """The gateway key of a step: of a payment's id, or a refund's. The same for every repeat."""
    return f"{resource_id}:{kind}"


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """The questions asked of attempts."""

    def unresolved(self) -> "AttemptQuerySet":
        """Those whose outcome the gateway has not told yet."""
        return self.filter(settled_at=None)

    def gateway_id(self, payment: Payment, kind: Kind) -> str:
        """What the gateway calls the authorisation, or the capture, of ``payment``."""
        return str(self.values_list("gateway_id", flat=True).get(pk=key_of(kind, payment.pk)))


class Attempt(models.Model):
    """The intent of one step at the gateway, committed before the call; settled once, then unchangeable.

    ``key`` is the Idempotency-Key of every call made for it, so anyone may repeat the step at any time.
    The database refuses to change a settled attempt, or to delete any.
    """

    key = models.CharField(max_length=64, primary_key=True, db_collation="C")  # sorts as audit compares
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts")
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, null=True, related_name="attempt")
    kind = models.CharField(max_length=9, choices=Kind)
    amount = AmountField()
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, db_default="")
    code = models.CharField(max_length=64, blank=True, db_default="")  # the gateway's, of a decline or refusal
    gateway_id = models.CharField(max_length=64, blank=True, db_default="")
    started_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["started_at", "key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, outcome="") | Q(settled_at__isnull=False) & ~Q(outcome=""),
                name="attempt_settled_with_outcome",
            ),
            models.CheckConstraint(
                condition=Q(kind=Kind.REFUND, refund__isnull=False) | ~Q(kind=Kind.REFUND) & Q(refund__isnull=True),
                name="attempt_names_its_refund",
            ),
        ]
        indexes = [
            models.Index(fields=["payment", "started_at"], name="attempt_unresolved", condition=Q(settled_at=None))
        ]

    def __str__(self) -> str:
        return self.key


class Entry(models.Model):
    """Ledger: money that one attempt moved. Append-only; the counters of Payment equal its sums."""

    id = models.BigAutoField(primary_key=True)
    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="entry")  # no step moves twice
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=Outcome)
    amount = AmountField()
    currency = CurrencyField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="entry_amount_positive"),
            models.CheckConstraint(condition=Q(kind__in=list(ACCEPTED.values())), name="entry_moves_money"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"


LEASE = timedelta(seconds=env.lease_s)

_CLAIM_DUE = """
UPDATE payment_payment SET
    lease_until = clock_timestamp() + %(lease)s, lease_epoch = lease_epoch + 1, tries = tries + 1
WHERE id = (
    SELECT id FROM payment_payment
    WHERE due_at <= clock_timestamp() AND parked_reason = ''
      AND (lease_until IS NULL OR lease_until <= clock_timestamp())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""

_CLAIM = """
UPDATE payment_payment SET
    lease_until = clock_timestamp() + %(lease)s, lease_epoch = lease_epoch + 1, tries = tries + 1
WHERE id = %(id)s AND due_at IS NOT NULL AND parked_reason = ''
  AND (lease_until IS NULL OR lease_until <= clock_timestamp())
  AND EXISTS (SELECT FROM payment_attempt WHERE key = %(key)s AND settled_at IS NULL)
RETURNING *
"""
