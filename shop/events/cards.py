"""The outbox's card on the admin's first page of every process."""

from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url
from shop.context import current_role
from shop.env import env
from shop.events.models import Delivery, DeliveryState


@card(role="", position=55, permission="events.view_delivery")
def waiting() -> Card:
    """Deliveries on their way, and those that a subscriber's code refused."""
    due = counted(Delivery.objects.filter(emitter__in=env.serves, state=DeliveryState.DUE))
    parked = counted(Delivery.objects.filter(state=DeliveryState.PARKED))
    seen = chart("events_event", at="created_at")
    state = DeliveryState.PARKED if parked else DeliveryState.DUE
    return Card(
        title="Events waiting",
        value=text(due),
        note=f"{text(parked)} parked · {seen.of_today():,.0f} told today",
        href=admin_url(current_role(), "events/delivery/", state__exact=state),
        series=seen.series(),
        series_note="Events told",
        span=seen.span,
        alarm=bool(parked),
    )
