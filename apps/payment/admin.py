"""A window on payments: all of it read-only. A parked payment can be taken up again; refunds are order's."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from apps.payment import services
from apps.payment.models import Attempt, Entry, Payment, Refund


class ReadOnly:
    """No row is added, changed or deleted by hand."""

    def has_add_permission(self, *args: Any) -> bool:
        return False

    def has_change_permission(self, *args: Any) -> bool:
        return False

    def has_delete_permission(self, *args: Any) -> bool:
        return False


class RefundInline(ReadOnly, admin.TabularInline[Refund, Payment]):
    model = Refund
    extra = 0


class AttemptInline(ReadOnly, admin.TabularInline[Attempt, Payment]):
    model = Attempt
    extra = 0
    fields = ["key", "kind", "amount", "outcome", "code", "gateway_id", "started_at", "settled_at"]


class EntryInline(ReadOnly, admin.TabularInline[Entry, Payment]):
    model = Entry
    extra = 0
    fields = ["kind", "amount", "currency", "created_at"]


class Parked(admin.SimpleListFilter):
    """What waits for a person."""

    title = "parked"
    parameter_name = "parked"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        return queryset.exclude(parked_reason="") if self.value() else queryset


@admin.register(Payment)
class PaymentAdmin(ReadOnly, admin.ModelAdmin[Payment]):
    list_display = ["id", "order_number", "status", "amount", "currency", "refunded", "parked_reason", "created_at"]
    list_filter = [Parked, "status"]
    search_fields = ["=id", "=order_number"]
    search_help_text = "Payment id or order number"
    ordering = ["-created_at", "-id"]
    exclude = ["token"]
    inlines = [AttemptInline, EntryInline, RefundInline]
    show_full_result_count = False  # the table is large; COUNT(*) is not worth the page
    actions = ["take_up_again"]

    @admin.action(description="Take up again what is parked", permissions=["retry"])
    def take_up_again(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        taken_up = sum(services.retry(payment_id=payment_id) for payment_id in queryset.values_list("pk", flat=True))
        self.message_user(request, f"{taken_up} taken up again.")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payment.change_payment")


class LedgerAdmin(ReadOnly, admin.ModelAdmin[Model]):
    """Rows of one payment, found by its page or by id."""

    show_full_result_count = False
    list_select_related = ["payment"]


@admin.register(Attempt)
class AttemptAdmin(LedgerAdmin):
    list_display = ["key", "kind", "amount", "outcome", "code", "gateway_id", "started_at", "settled_at"]
    list_filter = ["kind", "outcome"]
    search_fields = ["=key", "=gateway_id"]
    ordering = ["-started_at", "key"]


@admin.register(Entry)
class EntryAdmin(LedgerAdmin):
    list_display = ["id", "payment", "kind", "amount", "currency", "created_at"]
    list_filter = ["kind"]
    search_fields = ["=payment__id"]
    ordering = ["-id"]


@admin.register(Refund)
class RefundAdmin(LedgerAdmin):
    list_display = ["id", "payment", "amount", "status", "code", "created_at"]
    list_filter = ["status"]
    search_fields = ["=id", "=payment__id"]
    ordering = ["-created_at", "id"]
