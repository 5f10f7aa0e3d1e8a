"""What notification does: queue a message for an event, retry a parked one, forget old ones."""

from datetime import timedelta
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from apps.notification import wording
from apps.notification.models import Message, MessageKind, MessageState, Template
from shop import wake
from shop.events.registry import Received
from shop.transactions import command, step

KEPT_FOR = timedelta(days=90)  # then recipient and text are blanked
_BATCH = 1000


class NoRecipient(Exception):
    """The event names neither an account nor an address."""


@step
def queue(received: Received, *, kind: MessageKind, account_id: str = "", email: str = "") -> None:
    """Queue the message of one event, for an account or else an address; a repeat changes nothing.

    Raises NoRecipient.
    """
    if not account_id and not email:
        raise NoRecipient(received.id)
    said = wording.render(kind, received.payload)
    message = Message(
        event_id=received.id,
        kind=kind,
        account_id=UUID(account_id) if account_id else None,
        email="" if account_id else email,
        about=received.payload.get("order_number", ""),
        subject=said.subject,
        text=said.text,
    )
    Message.objects.bulk_create([message], ignore_conflicts=True)
    wake.after_commit("notification", "send_mail")


@step
def withhold(received: Received, *, kind: MessageKind) -> None:
    """Record that this event owes no mail."""
    message = Message(event_id=received.id, kind=kind, state=MessageState.WITHHELD)
    Message.objects.bulk_create([message], ignore_conflicts=True)


@command
def retry(*, message_id: UUID) -> bool:
    """Queue a parked message again; False when it is not parked (any more)."""
    parked = Message.objects.filter(pk=message_id, state=MessageState.PARKED)
    queued = parked.update(state=MessageState.QUEUED, due_at=Now(), attempts=0, lease_epoch=F("lease_epoch") + 1)
    if queued:
        wake.after_commit("notification", "send_mail")
    return bool(queued)


@command
def word(*, kind: MessageKind, subject: str, text: str) -> Template:
    """Set the shop's own wording of one kind of message, for what is queued from now on."""
    template, _ = Template.objects.update_or_create(kind=kind, defaults={"subject": subject, "text": text})
    return template


@command
def use_built_in_wording(*, kind: MessageKind) -> None:
    """Drop the shop's own wording of ``kind``."""
    Template.objects.filter(kind=kind).delete()


@command
def forget() -> int:
    """Blank recipient and text of one batch of settled messages that are old; return how many."""
    old = Message.objects.filter(created_at__lt=Now() - KEPT_FOR, blanked_at=None)
    settled = old.exclude(state__in=[MessageState.QUEUED, MessageState.SENDING])
    batch = list(settled.order_by("created_at").values_list("pk", flat=True)[:_BATCH])
    return settled.filter(pk__in=batch).update(account_id=None, email="", subject="", text="", blanked_at=Now())


def waiting() -> int:
    """How many messages are still to be sent."""
    return Message.objects.filter(state__in=[MessageState.QUEUED, MessageState.SENDING]).count()
