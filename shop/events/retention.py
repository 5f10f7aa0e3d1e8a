"""How long events are kept: personal fields 30 days, events and inbox 90."""

from datetime import timedelta

from django.db.models.functions import Now

from shop.events import registry
from shop.events.models import DeliveryState, Event, Received
from shop.transactions import command

PERSONAL_FOR = timedelta(days=30)
KEPT_FOR = timedelta(days=90)  # longer than any replay
_BATCH = 1000


def tidy_events() -> int:
    """Blank one batch of personal fields, delete one batch of what is too old; how many rows it touched."""
    return _blank() + _delete()


@command
def _blank() -> int:
    names = [name for name, declared in registry.all_declared().items() if declared.personal]
    old = Event.objects.filter(name__in=names, blanked_at=None, created_at__lt=Now() - PERSONAL_FOR)
    events = list(old.exclude(deliveries__state=DeliveryState.DUE).select_for_update(of=("self",))[:_BATCH])
    for event in events:
        event.payload |= dict.fromkeys(registry.all_declared()[event.name].personal, "")
    Event.objects.bulk_update(events, ["payload"])
    Event.objects.filter(pk__in=[event.pk for event in events]).update(blanked_at=Now())
    return len(events)


@command
def _delete() -> int:
    settled = Event.objects.filter(created_at__lt=Now() - KEPT_FOR).exclude(
        deliveries__state__in=[DeliveryState.DUE, DeliveryState.PARKED]
    )
    old = list(settled.values_list("pk", flat=True)[:_BATCH])
    Event.objects.filter(pk__in=old).delete()
    inbox = Received.objects.filter(received_at__lt=Now() - KEPT_FOR)
    return len(old) + inbox.delete()[0]
