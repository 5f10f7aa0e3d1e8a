"""A window on orders. Rows are read-only: the actions call the services, which also write the timeline."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.forms import ActionForm

from apps.order import refunds, services, taxes
from apps.order.models import (
    Fulfilment,
    Order,
    OrderLine,
    Payment,
    Quote,
    Refund,
    TaxCountry,
    TaxRate,
    TimelineEntry,
)
from shop.backoffice.pages import Inline, Page, ReadOnlyAdmin, ReadOnlyInline, rows_of
from shop.money import Money


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = ["sku", "name", "quantity", "unit_price", "tax_rate", "tax", "total"]


class FulfilmentInline(ReadOnlyInline):
    model = Fulfilment
    fields = ["id", "status", "tracking_number", "changed_at"]


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["id", "amount", "status", "code", "requested_at"]


class TimelineInline(ReadOnlyInline):
    model = TimelineEntry
    fields = ["at", "to", "note", "detail", "actor"]


class OrderActions(ActionForm):  # type: ignore[misc]  # unfold is untyped
    """What the action "Refund" asks for."""

    amount = forms.DecimalField(required=False, min_value=0, label="Refund (empty: all that is left)")


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders with all that happened to them; the actions are in the list and on the order's own page."""

    action_form = OrderActions
    actions = ["cancel", "refund", "retry", "close"]
    inlines = [LineInline, FulfilmentInline, RefundInline, TimelineInline]
    list_display = ["number", "state", "step", "parked", "reason", "total", "currency", "placed_at"]
    list_filter = ["state", "parked"]
    search_fields = ["number", "email"]
    exclude = ["payment_token"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("quote")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page, with what its reader may do: a button each."""
        allowed = {action[1]: action[2] for action in self.get_actions(request).values() if action}
        context = {"order_actions": allowed, "order_id": object_id, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda order: services.cancel(order_id=order.pk))

    @admin.action(description="Refund", permissions=["operate"])
    def refund(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        def give_back(order: Order) -> None:
            amount = request.POST.get("amount") or str(refunds.left_to_refund(order))
            refunds.refund(order_id=order.pk, amount=Money.parse(amount, order.currency))

        self._each(request, queryset, give_back)

    @admin.action(description="Retry parked orders", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda order: services.retry(order_id=order.pk))

    @admin.action(description="Close parked orders: give them up", permissions=["operate"])
    def close(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, lambda order: services.close(order_id=order.pk))

    def _each(self, request: HttpRequest, queryset: QuerySet[Order], act: Any) -> None:
        for order in queryset:
            try:
                act(order)
            except REFUSALS as exc:
                text = str(exc) or (exc.__class__.__doc__ or "").partition("\n")[0]
                messages.error(request, f"{order.number}: {text}")
            else:
                messages.success(request, f"{order.number}: done, see its timeline")


REFUSALS = (
    services.TooLateToCancel,
    services.NotParked,
    services.MoneyTaken,
    services.MoneyInDoubt,
    refunds.RefundExceedsCaptured,
    refunds.NothingToRefund,
    ValueError,  # an amount that is none of the order's currency
)


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    """What was offered."""

    list_display = ["id", "customer_id", "email", "total", "currency", "created_at", "expires_at"]
    search_fields = ["=id", "email"]
    exclude = ["cart_token_hash"]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Money given back; a parked refund waits for a person."""

    actions = ["retry"]
    list_display = ["id", "order", "amount", "status", "parked", "parked_reason", "requested_at"]
    list_filter = ["status", "parked"]
    list_select_related = ["order"]
    search_fields = ["order__number"]

    @admin.action(description="Retry parked refunds", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Refund]) -> None:
        retried = sum(refunds.retry(refund_id=refund.pk) for refund in queryset)
        messages.info(request, f"{retried} are asked for again")


@admin.register(OrderLine, Fulfilment, Payment)
class OrderPartAdmin(ReadOnlyAdmin):
    """Parts of orders, for searching across them."""

    list_display = ["__str__", "order"]
    list_select_related = ["order"]
    search_fields = ["order__number"]


@admin.register(TimelineEntry)
class TimelineAdmin(ReadOnlyAdmin):
    """The append-only history of all orders."""

    list_display = ["at", "order", "to", "note", "detail", "actor"]
    list_select_related = ["order"]
    ordering = ["-id"]
    search_fields = ["order__number"]


class RateInline(Inline):
    """Rates of one country."""

    model = TaxRate
    extra = 1


@admin.register(TaxCountry)
class TaxCountryAdmin(Page):
    """Taxes by country. A change holds for quotes made from then on."""

    list_display = ["country", "prices_include_tax"]
    inlines = [RateInline]
    search_fields = ["=country"]

    def get_readonly_fields(self, request: HttpRequest, obj: TaxCountry | None = None) -> list[str]:
        return ["country"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> TaxCountry:
        return taxes.put_country(
            country=form.instance.country,
            prices_include_tax=form.instance.prices_include_tax,
            rates={row["tax_class"]: row["percent"] for row in rows_of(formsets[0])},
        )

    def delete(self, request: HttpRequest, obj: TaxCountry) -> None:
        taxes.remove_country(country=obj.pk)


@admin.register(TaxRate)
class TaxRateAdmin(ReadOnlyAdmin):
    """All rates of all countries; they are changed on their country's page."""

    list_display = ["country_id", "tax_class", "percent"]
    search_fields = ["=country__country"]
