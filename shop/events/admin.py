"""The outbox: a ledger, for looking at. A parked delivery can be sent again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from shop.backoffice.pages import ReadOnlyAdmin
from shop.events import relay
from shop.events.models import Delivery, Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Facts that this process's roles have told."""

    list_display = ["name", "aggregate", "sequence", "created_at"]
    search_fields = ["id"]
    search_help_text = "Event id"
    ordering = ["-created_at", "id"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Events on their way. A parked one was refused by the subscriber's code and waits for a person."""

    actions = ["retry"]
    list_display = ["event", "emitter", "subscriber", "state", "attempts", "due_at", "last_error"]
    list_filter = ["state"]
    list_select_related = ["event"]
    ordering = ["-id"]
    search_fields = ["event"]
    search_help_text = "Event id"

    @admin.action(description="Send parked deliveries again", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        again = sum(relay.retry(delivery_id=delivery.pk) for delivery in queryset)
        messages.info(request, f"{again} are sent again")
