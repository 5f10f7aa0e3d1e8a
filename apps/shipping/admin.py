"""A window on shipping: tariffs are editable, shipments and their tracking are not."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.shipping.models import Rate, Shipment, ShippingMethod, TrackingEntry, Zone, ZoneArea
from shop.read_only import ReadOnlyAdmin


@admin.register(ShippingMethod)
class ShippingMethodAdmin(admin.ModelAdmin[ShippingMethod]):
    """Methods are switched off rather than deleted: shipments name them."""

    list_display = ["code", "name", "carrier", "active"]
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: ShippingMethod | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: ShippingMethod | None = None) -> bool:
        return False


class ZoneAreaInline(admin.TabularInline[ZoneArea, Zone]):
    """Countries and postal prefixes of one zone."""

    model = ZoneArea
    extra = 1


@admin.register(Zone)
class ZoneAdmin(admin.ModelAdmin[Zone]):
    """Zones with their areas."""

    list_display = ["name"]
    inlines = [ZoneAreaInline]
    show_full_result_count = False


@admin.register(ZoneArea)
class ZoneAreaAdmin(admin.ModelAdmin[ZoneArea]):
    """Where a country belongs."""

    list_display = ["country", "postal_prefix", "zone"]
    list_select_related = ["zone"]
    raw_id_fields = ["zone"]
    search_fields = ["country"]
    show_full_result_count = False


@admin.register(Rate)
class RateAdmin(admin.ModelAdmin[Rate]):
    """Prices by method, zone, currency and weight bracket."""

    list_display = ["method_id", "zone", "currency", "up_to_g", "price", "tax_class"]
    list_filter = ["currency"]
    list_select_related = ["zone"]
    raw_id_fields = ["method", "zone"]
    show_full_result_count = False


class TrackingInline(admin.TabularInline[TrackingEntry, Shipment]):
    """The history of one shipment."""

    model = TrackingEntry
    fields = ["sequence", "state", "at"]
    readonly_fields = ["sequence", "state", "at"]
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """Shipments change by the order that owns them, or by the carrier."""

    list_display = ["id", "order_number", "tracking_number", "method_id", "state", "changed_at"]
    list_filter = ["state"]
    search_fields = ["order_number", "tracking_number"]
    inlines = [TrackingInline]


@admin.register(TrackingEntry)
class TrackingEntryAdmin(ReadOnlyAdmin):
    """The append-only history of all shipments."""

    list_display = ["shipment_id", "sequence", "state", "at"]
    ordering = ["-id"]
