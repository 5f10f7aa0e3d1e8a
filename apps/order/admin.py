"""A window on orders. Rows are read-only: what is done calls the services, which also write the timeline."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from apps.order import desk, refunds, services, taxes
from apps.order.models import (
    Fulfilment,
    Order,
    OrderLine,
    Payment,
    Quote,
    Refund,
    RefundStatus,
    TaxCountry,
    TaxRate,
    TimelineEntry,
)
from apps.order.states import State
from shop.backoffice import marks
from shop.backoffice.filters import Days
from shop.backoffice.pages import Inline, Page, ReadOnlyAdmin, rows_of


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Orders, the newest first; those that wait for a person stand out. One page follows an order."""

    actions = ["retry", "cancel"]
    list_display = ["number", "status", "who", "amount", "placed_at"]
    list_display_links = ["number"]
    list_filter = ["state", "parked", ("placed_at", Days)]
    list_filter_submit = True
    search_fields = ["number__startswith", "email", "customer_id"]
    search_help_text = "Order number, a guest's e-mail address, or a customer's id"
    ordering = ["-placed_at", "-id"]

    @admin.display(description="State")
    def status(self, order: Order) -> str:
        state = marks.tag(order.state, desk.TONES[State(order.state)])
        if order.parked:
            return marks.side_by_side(state, marks.waits(f"parked: {order.parked_reason}"))
        return marks.side_by_side(state, "" if order.reason == order.state else order.reason.replace("-", " "))

    @admin.display(description="Customer")
    def who(self, order: Order) -> str:
        return order.email or str(order.shipping_address.get("name", ""))

    @admin.display(description="Total")
    def amount(self, order: Order) -> str:
        return marks.money(order.total, order.currency)

    def as_stored(self, lookup: str, text: str) -> str:
        return {"number__startswith": text.upper(), "email": text.lower()}.get(lookup, text)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """By id, or by the number that other roles know it by."""
        if len(object_id) != services.NUMBER_LENGTH:
            return super().get_object(request, object_id, from_field)
        return self.get_queryset(request).filter(number=object_id.upper()).first()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page, or what its buttons do."""
        name = request.POST.get("act", "")
        if object_id is None or not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST" and not (
            name in desk.PERMISSIONS and request.user.has_perm(desk.PERMISSIONS[name])
        ):
            raise PermissionDenied
        order = self.get_object(request, object_id)
        if order is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        if request.method == "POST":
            return self._refund(request, order) if name == "refund" else self._act(request, order, desk.ACTS[name])
        return self._page(request, order)

    def _page(self, request: HttpRequest, order: Order, form: desk.RefundForm | None = None) -> HttpResponse:
        may_refund = request.user.has_perm("order.refund_order") and refunds.left_to_refund(order) > 0
        context = {
            **self.admin_site.each_context(request),
            **desk.shown(request, order),
            "title": f"Order {order.number}",
            "opts": self.opts,
            "original": order,
            "acts": desk.acts_for(request, order),
            "refund_form": (form or desk.RefundForm(None, order)) if may_refund else None,
        }
        return TemplateResponse(request, "order/page.html", context)

    def _act(self, request: HttpRequest, order: Order, act: desk.Act) -> HttpResponse:
        try:
            act.do(order_id=order.pk)
        except desk.REFUSALS as exc:
            messages.error(request, desk.refusal(exc))
        else:
            messages.success(request, act.done)
        return HttpResponseRedirect(request.get_full_path())

    def _refund(self, request: HttpRequest, order: Order) -> HttpResponse:
        """Asked for, shown with what it comes to, and given back once that is confirmed under the refund's id."""
        form = desk.RefundForm(request.POST, order)
        refund_id: UUID | None = form.data.get("refund_id") and form.fields["refund_id"].clean(form.data["refund_id"])
        if refund_id and order.refunds.filter(pk=refund_id).exists():
            return HttpResponseRedirect(request.get_full_path())  # sent twice
        if not form.is_valid():
            return self._page(request, order, form)
        if refund_id is None:
            context = {
                **self.admin_site.each_context(request),
                "title": f"Refund for order {order.number}",
                "opts": self.opts,
                "original": order,
                "order": order,
                "form": form,
                "refund_id": uuid4(),
            }
            return TemplateResponse(request, "order/refund.html", context)
        given = marks.money(form.money.amount, order.currency)
        try:
            form.give_back(refund_id)
        except desk.REFUSALS as exc:
            messages.error(request, desk.refusal(exc))
        else:
            messages.success(request, f"{given} are given back.")
        return HttpResponseRedirect(request.get_full_path())

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("order.cancel_order")

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, desk.ACTS["cancel"])

    @admin.action(description="Retry parked orders", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, desk.ACTS["retry"])

    def _each(self, request: HttpRequest, queryset: QuerySet[Order], act: desk.Act) -> None:
        for order in queryset:
            try:
                act.do(order_id=order.pk)
            except desk.REFUSALS as exc:
                messages.error(request, f"{order.number}: {desk.refusal(exc)}")
            else:
                messages.success(request, f"{order.number}: {act.done}")


@admin.register(Quote)
class QuoteAdmin(ReadOnlyAdmin):
    """What was offered."""

    list_display = ["id", "customer_id", "email", "total", "currency", "created_at", "expires_at"]
    search_fields = ["id"]
    ordering = ["-expires_at", "id"]
    exclude = ["cart_token_hash"]


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Money given back; a parked refund waits for a person."""

    actions = ["retry"]
    list_display = ["requested_at", "order", "worth", "state"]
    list_filter = ["status", "parked"]
    list_select_related = ["order"]
    search_fields = ["id", "order__number"]
    search_help_text = "Order number"
    ordering = ["-requested_at", "-id"]

    @admin.display(description="Amount")
    def worth(self, refund: Refund) -> str:
        return marks.money(refund.amount, refund.order.currency)

    @admin.display(description="State")
    def state(self, refund: Refund) -> str:
        state = marks.tag(refund.status, desk.REFUND_TONES[RefundStatus(refund.status)])
        more = marks.waits(f"parked: {refund.parked_reason}") if refund.parked else refund.code
        return marks.side_by_side(state, more)

    def as_stored(self, lookup: str, text: str) -> str:
        return text.upper() if lookup == "order__number" else text

    @admin.action(description="Retry parked refunds", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Refund]) -> None:
        retried = sum(refunds.retry(refund_id=refund.pk) for refund in queryset)
        messages.info(request, f"{retried} are asked for again")


class PartAdmin(ReadOnlyAdmin):
    """Parts of orders, for searching across them."""

    list_display = ["__str__", "order"]
    list_select_related = ["order"]
    search_fields = ["order__number"]
    search_help_text = "Order number"

    def as_stored(self, lookup: str, text: str) -> str:
        return text.upper()


@admin.register(OrderLine)
class OrderLineAdmin(PartAdmin):
    """What was bought."""

    list_display = ["order", "sku", "name", "quantity", "unit_price", "total"]
    ordering = ["-id"]


@admin.register(Fulfilment)
class FulfilmentAdmin(PartAdmin):
    """Parcels, as shipping's events tell."""

    ordering = ["id"]


@admin.register(Payment)
class PaymentAdmin(PartAdmin):
    """Payments, as payment's events tell."""

    list_display = ["order", "status", "authorised", "captured", "refunded", "changed_at"]
    ordering = ["order_id"]


@admin.register(TimelineEntry)
class TimelineAdmin(PartAdmin):
    """The append-only history of all orders."""

    list_display = ["at", "order", "to", "note", "detail", "actor"]
    ordering = ["-id"]


class RateInline(Inline):
    """Rates of one country."""

    model = TaxRate
    extra = 1


@admin.register(TaxCountry)
class TaxCountryAdmin(Page):
    """Taxes by country. A change holds for quotes made from then on."""

    list_display = ["country", "prices_include_tax"]
    inlines = [RateInline]
    search_fields = ["country"]

    def as_stored(self, lookup: str, text: str) -> str:
        return text.upper()

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
    search_fields = ["country__country"]
