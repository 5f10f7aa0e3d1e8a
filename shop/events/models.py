"""Outbox (Event and Delivery) and inbox (Received)."""

from datetime import timedelta
from typing import ClassVar

from django.db import connection, models
from django.db.models.functions import Now

from shop.env import env


class Event(models.Model):
    """A fact ``emitter`` wrote in the transaction of the change itself. Append-only.

    Personal fields of ``payload`` are blanked after 30 days; ``blanked_at`` says when.
    """

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=80)
    emitter = models.CharField(max_length=16)
    aggregate = models.CharField(max_length=80)
    sequence = models.BigIntegerField()
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())
    blanked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["created_at"], name="event_created")]

    def __str__(self) -> str:
        return f"{self.name} {self.aggregate}"


class DeliveryState(models.TextChoices):
    DUE = "due"  # to be sent at due_at, unless leased
    ACCEPTED = "accepted"  # handled by the subscriber, or known there already
    PARKED = "parked"  # refused by the subscriber's code: a person decides


class DeliveryManager(models.Manager["Delivery"]):
    """Claims and settles deliveries; any number of relays may run."""

    def claim(self, *, emitter: str, limit: int) -> list["Delivery"]:
        """Lease due deliveries of ``emitter``, skipping those another relay holds.

        The database's clock decides; ``lease_epoch`` fences a relay that wakes up too late. One
        statement: it runs for every wake-up of every role.
        """
        return list(self.raw(_CLAIM, {"emitter": emitter, "limit": limit, "lease": timedelta(seconds=env.lease_s)}))

    def settle(self, outcomes: list[tuple["Delivery", str, str]]) -> None:
        """Write each (delivery, outcome, error) where the lease is still the caller's own."""
        rows = [(d.pk, d.lease_epoch, outcome, error[:500]) for d, outcome, error in outcomes]
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, [env.backoff_cap_s, *map(list, zip(*rows, strict=True))])


class Delivery(models.Model):
    """One event on its way to one subscriber."""

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries", db_index=True)
    emitter = models.CharField(max_length=16)
    subscriber = models.CharField(max_length=16)
    state = models.CharField(max_length=8, choices=DeliveryState, db_default=DeliveryState.DUE)
    attempts = models.PositiveIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    lease_epoch = models.PositiveIntegerField(db_default=0)
    last_error = models.CharField(max_length=500, blank=True, db_default="")
    settled_at = models.DateTimeField(null=True)

    objects: ClassVar[DeliveryManager] = DeliveryManager()

    # Of the event, by the claim's own statement.
    name: str
    aggregate: str
    sequence: int
    payload: str  # JSON: a raw query's extra columns are not decoded

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["event", "subscriber"], name="delivery_once_each")]
        indexes = [
            models.Index(
                fields=["emitter", "due_at"], name="delivery_due", condition=models.Q(state=DeliveryState.DUE)
            ),
            models.Index(fields=["-id"], name="delivery_parked", condition=models.Q(state=DeliveryState.PARKED)),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.subscriber}"


class Received(models.Model):
    """Inbox: ``subscriber`` has handled ``event_id``, in the same transaction as its effect.

    Kept for 90 days, longer than any replay.
    """

    pk = models.CompositePrimaryKey("subscriber", "event_id")
    subscriber = models.CharField(max_length=16)
    event_id = models.UUIDField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="inbox_received")]

    def __str__(self) -> str:
        return f"{self.subscriber} {self.event_id}"


# A claim moves due_at past the lease, so that a due delivery and an expired lease are one condition.
_CLAIM = """
WITH claimed AS (
    UPDATE events_delivery SET
        attempts = attempts + 1, lease_epoch = lease_epoch + 1, due_at = clock_timestamp() + %(lease)s
    WHERE id IN (
        SELECT id FROM events_delivery
        WHERE emitter = %(emitter)s AND state = 'due' AND due_at <= statement_timestamp()
        ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )
    RETURNING *
)
SELECT claimed.*, event.name, event.aggregate, event.sequence, event.payload
FROM claimed JOIN events_event event ON event.id = claimed.event_id
ORDER BY claimed.subscriber, claimed.id
"""

# Exponential backoff for what must be tried again; accepted and parked are final.
_SETTLE = """
UPDATE events_delivery d SET
    state = CASE o.outcome WHEN 'retry' THEN 'due' WHEN 'rejected' THEN 'parked' ELSE 'accepted' END,
    due_at = CASE o.outcome WHEN 'retry'
        THEN clock_timestamp() + make_interval(secs => least(%s, 0.2 * 2 ^ least(d.attempts, 20))) ELSE d.due_at END,
    settled_at = CASE o.outcome WHEN 'retry' THEN NULL ELSE clock_timestamp() END,
    last_error = o.error
FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[]) AS o(id, epoch, outcome, error)
WHERE d.id = o.id AND d.lease_epoch = o.epoch AND d.state = 'due'
"""
