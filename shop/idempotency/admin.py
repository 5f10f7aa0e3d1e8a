from django.contrib import admin

from shop.idempotency.models import Record
from shop.read_only import ReadOnlyAdmin


@admin.register(Record)
class RecordAdmin(ReadOnlyAdmin):
    """Which keys have done something, and what."""

    list_display = ["key", "resource", "created_at"]
    ordering = ["-created_at", "-id"]
    search_fields = ["=key", "=resource"]
