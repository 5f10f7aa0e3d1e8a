"""A window on payments: all of it read-only. A parked payment can be taken up again; refunds are order's."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.payment import services
from apps.payment.models import Attempt, Entry, Payment, Refund, Status
from shop.backoffice import marks
from shop.backoffice.filters import Days
from shop.backoffice.pages import ReadOnlyAdmin, ReadOnlyInline


class RefundInline(ReadOnlyInline):
    model = Refund


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ["key", "kind", "amount", "outcome", "code", "gateway_id", "started_at", "settled_at"]


class EntryInline(ReadOnlyInline):
    model = Entry
    fields = ["kind", "amount", "currency", "created_at"]


class Parked(admin.SimpleListFilter):
    """What waits for a person."""

    title = "parked"
    parameter_name = "parked"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Payment]) -> QuerySet[Payment]:
        return queryset.exclude(parked_reason="") if self.value() else queryset


TONES = {
    Status.AUTHORISING: marks.BUSY,
    Status.CAPTURING: marks.BUSY,
    Status.VOIDING: marks.BUSY,
    Status.CAPTURED: marks.GOOD,
    Status.DECLINED: marks.BAD,
    Status.CAPTURE_REFUSED: marks.BAD,
}


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Payments, the newest first; those that wait for a person stand out."""

    list_display = ["created_at", "order_number", "state", "money", "given_back", "attention"]
    list_filter = [Parked, "status", ("created_at", Days)]
    list_filter_submit = True
    search_fields = ["id", "order_number"]
    search_help_text = "Payment id or order number"
    ordering = ["-created_at", "-id"]
    exclude = ["token"]
    inlines = [AttemptInline, EntryInline, RefundInline]
    actions = ["take_up_again"]

    @admin.display(description="Status")
    def state(self, payment: Payment) -> str:
        return marks.tag(payment.status, TONES.get(Status(payment.status), marks.QUIET))

    @admin.display(description="Amount")
    def money(self, payment: Payment) -> str:
        return marks.money(payment.amount, payment.currency)

    @admin.display(description="Refunded")
    def given_back(self, payment: Payment) -> str:
        return marks.money(payment.refunded, payment.currency) if payment.refunded else ""

    @admin.display(description="Needs you")
    def attention(self, payment: Payment) -> str:
        return marks.tag(f"parked: {payment.parked_reason}", marks.BAD) if payment.parked else ""

    def as_stored(self, lookup: str, text: str) -> str:
        return text.upper() if lookup == "order_number" else text

    @admin.action(description="Take up again what is parked", permissions=["operate"])
    def take_up_again(self, request: HttpRequest, queryset: QuerySet[Payment]) -> None:
        taken_up = sum(services.retry(payment_id=payment_id) for payment_id in queryset.values_list("pk", flat=True))
        self.message_user(request, f"{taken_up} taken up again.")


class LedgerAdmin(ReadOnlyAdmin):
    """Rows of one payment, found by its page or by id."""

    list_select_related = ["payment"]


@admin.register(Attempt)
class AttemptAdmin(LedgerAdmin):
    list_display = ["key", "kind", "amount", "outcome", "code", "gateway_id", "started_at", "settled_at"]
    list_filter = ["kind", "outcome"]
    search_fields = ["key__startswith"]
    search_help_text = "The gateway key, or the payment's id that it begins with"
    ordering = ["key"]


@admin.register(Entry)
class EntryAdmin(LedgerAdmin):
    list_display = ["id", "payment", "kind", "amount", "currency", "created_at"]
    list_filter = ["kind"]
    search_fields = ["payment"]
    search_help_text = "Payment id"
    ordering = ["-id"]


@admin.register(Refund)
class RefundAdmin(LedgerAdmin):
    list_display = ["id", "payment", "amount", "status", "code", "created_at"]
    list_filter = ["status"]
    search_fields = ["id", "payment"]
    search_help_text = "Refund id or payment id"
    ordering = ["-created_at", "id"]
