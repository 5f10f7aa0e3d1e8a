"""Inventory in the admin: the ledger to read, warehouses and reorder points to set through the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path

from apps.inventory import desk, services
from apps.inventory.models import Item, Movement, Reservation, ReservationLine, Stock, Warehouse
from shop.backoffice import marks
from shop.backoffice.pages import Page, ReadOnlyAdmin, ReadOnlyInline


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

    list_display = ["sku", "available", "reorder_point", "level"]
    list_filter = ["low"]
    search_fields = ["sku__startswith"]
    search_help_text = "The beginning of a SKU"
    ordering = ["sku"]
    fields = ["sku", "available", "reorder_point"]
    readonly_fields = ["sku", "available"]
    inlines = [ShelfInline]

    @admin.display(description="Level")
    def level(self, item: Item) -> str:
        if not item.available:
            return marks.tag("sold out", marks.BAD)
        return marks.tag("low", marks.BUSY) if item.low else ""

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
    search_fields = ["item__sku__startswith"]
    search_help_text = "The beginning of a SKU"
    ordering = ["item_id", "warehouse_id"]


@admin.register(Movement)
class MovementAdmin(ReadOnlyAdmin):
    """The ledger. Its rows are never changed; two pages add to it, through the services."""

    list_display = ["created_at", "kind", "stock", "on_hand", "reserved", "reference"]
    list_display_links = ["created_at"]
    list_filter = ["kind"]
    list_select_related = ["stock"]
    search_fields = ["stock__item", "reservation"]
    search_help_text = "SKU or reservation id"
    ordering = ["-id"]
    change_list_template = "inventory/movements.html"

    def get_urls(self) -> list[URLPattern]:
        pages = [(desk.RECEIVING, "receive"), (desk.ADJUSTING, "adjust")]
        own = [
            path(name, self.admin_site.admin_view(desk.page(self.admin_site, what)), name=f"inventory_{name}")
            for what, name in pages
        ]
        return [*own, *super().get_urls()]


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
    search_fields = ["id"]
    search_help_text = "Reservation id"
    ordering = ["-created_at", "id"]
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
    search_fields = ["reservation"]
    search_help_text = "Reservation id"
    ordering = ["-id"]
