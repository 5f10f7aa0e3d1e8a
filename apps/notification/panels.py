"""What notification shows on the pages of other roles."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from apps.notification.admin import TONES
from apps.notification.models import Message, MessageState
from shop.backoffice.panels import Shown, panel

_SHOWN = 30


@panel(role="notification", name="order", permission="notification.view_message")
def messages_of_order(request: HttpRequest, key: str) -> Shown:
    """What the customer was told about an order, oldest first; mails that nobody was owed are left out."""
    return _shown(Message.objects.filter(about=key).exclude(state=MessageState.WITHHELD).order_by("created_at", "id"))


@panel(role="notification", name="customer", permission="notification.view_message")
def messages_of_customer(request: HttpRequest, key: str) -> Shown:
    """What an account was told, newest first."""
    try:
        account_id = UUID(key)
    except ValueError:
        raise Http404 from None
    return _shown(Message.objects.filter(account_id=account_id).order_by("-created_at", "-id"))


def _shown(messages: QuerySet[Message]) -> Shown:
    rows = [(message, TONES[MessageState(message.state)]) for message in messages[:_SHOWN]]
    return "notification/panel.html", {"rows": rows}
