"""Messages by event, and the shop's own wording of them."""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from shop.env import env


class MessageKind(models.TextChoices):
    """What a message is about: the event that it tells, without its version."""

    ORDER_CONFIRMED = "order.confirmed"
    ORDER_REJECTED = "order.rejected"
    ORDER_CANCELLED = "order.cancelled"
    PAYMENT_REFUNDED = "payment.refunded"
    SHIPMENT_HANDED_OVER = "shipment.handed_over"
    SHIPMENT_DELIVERED = "shipment.delivered"
    ACCOUNT_REGISTERED = "account.registered"
    STOCK_LOW = "stock.low"


class Template(models.Model):
    """The shop's own wording of one kind of message; without a row the built-in one is used."""

    kind = models.CharField(max_length=40, choices=MessageKind, unique=True)
    subject = models.CharField(max_length=200, help_text="A Django template; the event's fields are its variables.")
    text = models.TextField(help_text="Plain text, a Django template.")

    class Meta:
        ordering = ["kind"]

    def __str__(self) -> str:
        return self.kind


class MessageState(models.TextChoices):
    QUEUED = "queued"  # to be sent at due_at
    SENDING = "sending"  # leased to a worker until due_at
    SENT = "sent"  # the mail server has taken it
    PARKED = "parked"  # refused for good, or given up: a person decides
    WITHHELD = "withheld"  # the event owes no mail; kept so that inbox and messages can be compared


_OPEN = Q(state__in=[MessageState.QUEUED, MessageState.SENDING])


class MessageManager(models.Manager["Message"]):
    """Claims messages for sending; any number of workers may run."""

    def claim(self, *, limit: int) -> list["Message"]:
        """Lease due messages, skipping those another worker holds. The database's clock decides.

        ``lease_epoch`` fences a worker that wakes up too late: it settles nothing any more.
        """
        return list(self.raw(_CLAIM, {"limit": limit, "lease": timedelta(seconds=env.lease_s)}))


class Message(models.Model):
    """One e-mail about one event.

    ``about`` is the number of the order that it is about, if any. It goes to a customer's account,
    whose address is asked of user when it is sent, or to an address. Invariants, held by the database:
    one message per event and kind; one recipient, until the row is blanked. ``services`` writes it,
    ``sending`` sends it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    event_id = models.UUIDField()
    kind = models.CharField(max_length=40, choices=MessageKind)
    account_id = models.UUIDField(null=True)
    email = models.CharField(max_length=254, blank=True, db_default="")
    about = models.CharField(max_length=32, blank=True, db_default="")
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=MessageState, db_default=MessageState.QUEUED)
    attempts = models.PositiveIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    lease_epoch = models.PositiveIntegerField(db_default=0)
    last_error = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    blanked_at = models.DateTimeField(null=True)

    objects: ClassVar[MessageManager] = MessageManager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["event_id", "kind"], name="message_once_per_event"),
            models.CheckConstraint(
                condition=Q(account_id__isnull=False, email="")
                | (Q(account_id=None) & ~Q(email=""))
                | Q(state=MessageState.WITHHELD)
                | Q(blanked_at__isnull=False),
                name="message_one_recipient",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="message_due", condition=_OPEN),
            models.Index(fields=["account_id", "-created_at", "-id"], name="message_of_account"),
            models.Index(fields=["-created_at", "-id"], name="message_newest"),
            models.Index(fields=["-created_at"], name="message_parked", condition=Q(state=MessageState.PARKED)),
            models.Index(fields=["about", "created_at"], name="message_about", condition=~Q(about="")),
            models.Index(fields=["email", "-created_at"], name="message_to_guest", condition=~Q(email="")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


# A claim moves due_at to the end of the lease, so that a due message and a lost one are one condition.
_CLAIM = """
UPDATE notification_message SET
    state = 'sending', attempts = attempts + 1, lease_epoch = lease_epoch + 1, due_at = clock_timestamp() + %(lease)s
WHERE id IN (
    SELECT id FROM notification_message
    WHERE state IN ('queued', 'sending') AND due_at <= clock_timestamp()
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
