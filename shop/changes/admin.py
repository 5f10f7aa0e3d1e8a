from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from shop.backoffice.pages import ReadOnlyAdmin
from shop.changes.models import Change


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """Who changed what in this process's roles; each page's History shows its own part."""

    list_display = ["at", "who", "source", "table", "row", "action"]
    search_fields = ["actor"]
    search_help_text = "The id of the account that did it"
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Change.objects.with_actors().order_by("-id")

    @admin.display(description="who")
    def who(self, change: Any) -> Any:
        """An e-mail address; an id where this role has no account of it; None for the machine."""
        return change.actor_email or change.actor
