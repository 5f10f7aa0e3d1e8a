from django.contrib import admin

from shop.backoffice.pages import ReadOnlyAdmin
from shop.idempotency.models import Record


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    """Which keys have done something, and what."""

    list_display = ["key", "resource", "created_at"]
    ordering = ["-created_at", "-id"]
