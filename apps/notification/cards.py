"""Notification's card on the admin's first page."""

from apps.notification.models import Message, MessageState
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url


@card(role="notification", position=50, permission="notification.view_message")
def messages() -> Card:
    """E-mails on their way, and those that were refused for good."""
    waiting = counted(Message.objects.filter(state__in=[MessageState.QUEUED, MessageState.SENDING]))
    failed = counted(Message.objects.filter(state=MessageState.PARKED))
    seen = chart("notification_message", at="created_at")
    state = MessageState.PARKED if failed else MessageState.QUEUED
    return Card(
        title="Messages waiting",
        value=text(waiting),
        note=f"{text(failed)} failed · {seen.of_today():,.0f} written today",
        href=admin_url("notification", "notification/message/", state__exact=state),
        series=seen.series(),
        series_note="Messages",
        span=seen.span,
        alarm=bool(failed),
    )
