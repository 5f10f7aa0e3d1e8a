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
    list_filter = ["source", "action"]
    search_fields = ["=row", "=actor"]
    search_help_text = "Primary key of a row, or an account's id"
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return Change.objects.with_actors().order_by("-id")

    @admin.display(description="who")
    def who(self, change: Any) -> Any:
        """An e-mail address; an id where this role has no account of it; None for the machine."""
        return change.actor_email or change.actor
