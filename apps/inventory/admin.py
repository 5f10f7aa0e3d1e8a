"""Inventory in the admin: the ledger to read, receipts and adjustments through the services."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from apps.inventory import services
from apps.inventory.api import MAX_UNITS
from apps.inventory.models import Item, Movement, MovementKind, Reservation, ReservationLine, Stock, Warehouse
from shop.backoffice.pages import Page, ReadOnlyAdmin, ReadOnlyInline
from shop.fields import SKU_PATTERN


@admin.register(Warehouse)
class WarehouseAdmin(Page):
    """Warehouses are opened and renamed, never removed: the ledger names them."""

    REFUSALS = (services.WarehouseExists, services.UnknownWarehouse)

    list_display = ["code", "name", "priority"]

    def get_readonly_fields(self, request: HttpRequest, obj: Warehouse | None = None) -> list[str]:
        return ["code"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Warehouse:
        asked = form.instance
        save = services.open_warehouse if asked._state.adding else services.change_warehouse
        return save(code=asked.code, name=asked.name, priority=asked.priority)


class ShelfInline(ReadOnlyInline):
    model = Stock
    fields = ["warehouse", "on_hand", "reserved"]


@admin.register(Item)
class ItemAdmin(Page):
    """A SKU over all warehouses; the reorder point is what staff may set."""

    list_display = ["sku", "available", "reorder_point", "low_due"]
    search_fields = ["sku"]
    search_help_text = "The beginning of a SKU"
    fields = ["sku", "available", "version", "reorder_point", "low_due"]
    readonly_fields = ["sku", "available", "version", "low_due"]
    inlines = [ShelfInline]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Item], search_term: str
    ) -> tuple[QuerySet[Item], bool]:
        return queryset.filter(sku__startswith=search_term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Item:
        item: Item = form.instance
        services.set_reorder_point(sku=item.pk, units=item.reorder_point)
        return item


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    """Counters of each SKU in each warehouse."""

    list_display = ["item_id", "warehouse_id", "on_hand", "reserved"]
    list_filter = ["warehouse"]
    search_fields = ["=item__sku"]
    ordering = ["item_id", "warehouse_id"]


class MovementForm(forms.Form):
    """What a receipt and an adjustment have in common."""

    sku = forms.CharField(max_length=64, label="SKU", validators=[RegexValidator(rf"^{SKU_PATTERN}\Z")])
    warehouse = forms.CharField(max_length=40, initial="main")


class ReceiptForm(MovementForm):
    quantity = forms.IntegerField(min_value=1, max_value=MAX_UNITS)
    reference = forms.CharField(max_length=200, help_text="The delivery note")

    def book(self, actor: str) -> Movement:
        return services.receive(**self.cleaned_data, actor=actor)


_CORRECTIONS = [MovementKind.ADJUSTMENT, MovementKind.WRITE_OFF, MovementKind.RESTOCK]


class AdjustmentForm(MovementForm):
    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in _CORRECTIONS])
    delta = forms.IntegerField(min_value=-MAX_UNITS, max_value=MAX_UNITS)
    reason = forms.CharField(max_length=200)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if "delta" in asked and "kind" in asked and not MovementKind(asked["kind"]).allows(asked["delta"]):
            self.add_error("delta", f"Not a change that is a {asked['kind']}.")
        return asked

    def book(self, actor: str) -> Movement:
        return services.adjust(**self.cleaned_data | {"kind": MovementKind(self.cleaned_data["kind"])}, actor=actor)


@admin.register(Movement)
class MovementAdmin(ReadOnlyAdmin):
    """The ledger. Its rows are never changed; two forms add to it, through the services."""

    list_display = ["id", "kind", "stock", "on_hand", "reserved", "reference", "created_at"]
    list_filter = ["kind"]
    list_select_related = ["stock"]
    search_fields = ["=stock__item__sku", "=reservation__id"]
    change_list_template = "inventory/movements.html"

    def get_urls(self) -> list[URLPattern]:
        receive = self.admin_site.admin_view(self._page(ReceiptForm, "Receive"))
        adjust = self.admin_site.admin_view(self._page(AdjustmentForm, "Adjust"))
        own = [path("receive", receive, name="inventory_receive"), path("adjust", adjust, name="inventory_adjust")]
        return own + super().get_urls()

    def _page(
        self, form_class: type[ReceiptForm] | type[AdjustmentForm], title: str
    ) -> Callable[[HttpRequest], HttpResponse]:
        def page(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm("inventory.add_movement"):
                raise PermissionDenied
            form = form_class(request.POST or None)
            if form.is_valid() and self._booked(request, form):
                return HttpResponseRedirect(reverse("admin:inventory_movement_changelist"))
            shown = {**self.admin_site.each_context(request), "title": title, "form": form, "opts": self.opts}
            return TemplateResponse(request, "inventory/movement_form.html", shown)

        return page

    def _booked(self, request: HttpRequest, form: ReceiptForm | AdjustmentForm) -> bool:
        """Not in the admin's own transaction: the services' commands are durable."""
        try:
            movement = form.book(str(request.user.pk))
        except services.UnknownWarehouse:
            form.add_error("warehouse", "No such warehouse.")
        except services.UnitsReserved as exc:
            form.add_error(None, f"Only {exc.free} units are free.")
        else:
            messages.success(request, f"Booked: {movement}.")
            return True
        return False


class LineInline(ReadOnlyInline):
    model = ReservationLine
    fields = ["stock", "units"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReservationLine]:
        return super().get_queryset(request).select_related("stock")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """A window on reservations; the one action calls the service."""

    list_display = ["id", "state", "expires_at", "created_at", "changed_at"]
    list_filter = ["state"]
    search_fields = ["=id"]
    inlines = [LineInline]
    actions = ["release_units"]

    @admin.action(description="Release the units", permissions=["operate"])
    def release_units(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        for reservation_id in queryset.values_list("pk", flat=True):
            try:
                services.release(reservation_id=reservation_id)
            except services.AlreadyCommitted:
                self.message_user(request, f"Reservation {reservation_id} has left the warehouse.", messages.WARNING)


@admin.register(ReservationLine)
class ReservationLineAdmin(ReadOnlyAdmin):
    """What reservations are made of."""

    list_display = ["id", "reservation_id", "stock", "units"]
    list_select_related = ["stock"]
    search_fields = ["=reservation__id"]
