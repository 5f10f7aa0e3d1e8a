"""A window on shipping: tariffs are editable, shipments and their tracking are not."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.shipping import tariffs
from apps.shipping.models import Rate, Shipment, ShipmentState, ShippingMethod, TrackingEntry, Zone, ZoneArea
from shop.backoffice import marks
from shop.backoffice.pages import Inline, Page, ReadOnlyAdmin, ReadOnlyInline, rows_of


@admin.register(ShippingMethod)
class ShippingMethodAdmin(Page):
    """Methods are switched off rather than deleted: shipments name them."""

    REFUSALS = (tariffs.MethodExists,)

    list_display = ["code", "name", "carrier", "active"]

    def get_readonly_fields(self, request: HttpRequest, obj: ShippingMethod | None = None) -> list[str]:
        return ["code"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> ShippingMethod:
        asked: ShippingMethod = form.instance
        save = tariffs.add_method if asked._state.adding else tariffs.change_method
        return save(code=asked.code, name=asked.name, carrier=asked.carrier, active=asked.active)


class ZoneAreaInline(Inline):
    """Countries and postal prefixes of one zone."""

    model = ZoneArea
    extra = 1


@admin.register(Zone)
class ZoneAdmin(Page):
    """Zones with their areas."""

    REFUSALS = (tariffs.AreaTaken,)

    list_display = ["name"]
    inlines = [ZoneAreaInline]

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Zone:
        areas = [(row["country"], row["postal_prefix"]) for row in rows_of(formsets[0])]
        return tariffs.put_zone(zone_id=form.instance.pk, name=form.instance.name, areas=areas)

    def delete(self, request: HttpRequest, obj: Zone) -> None:
        tariffs.remove_zone(zone_id=obj.pk)


@admin.register(ZoneArea)
class ZoneAreaAdmin(ReadOnlyAdmin):
    """Where a country belongs; it is changed on its zone's page."""

    list_display = ["country", "postal_prefix", "zone"]
    list_select_related = ["zone"]
    search_fields = ["country"]
    search_help_text = "Two letters, as in DE"


@admin.register(Rate)
class RateAdmin(Page):
    """Prices by method, zone, currency and weight bracket."""

    list_display = ["method_id", "zone", "currency", "up_to_g", "price", "tax_class"]
    list_filter = ["currency"]
    list_select_related = ["zone"]

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Rate:
        asked: Rate = form.instance
        return tariffs.put_rate(
            rate_id=asked.pk,
            method=asked.method_id,
            zone_id=asked.zone_id,
            currency=asked.currency,
            up_to_g=asked.up_to_g,
            price=asked.price,
            tax_class=asked.tax_class,
        )

    def delete(self, request: HttpRequest, obj: Rate) -> None:
        tariffs.remove_rate(rate_id=obj.pk)


TONES = {
    ShipmentState.BOOKED: marks.QUIET,
    ShipmentState.HANDED_OVER: marks.BUSY,
    ShipmentState.IN_TRANSIT: marks.BUSY,
    ShipmentState.DELIVERED: marks.GOOD,
    ShipmentState.CANCELLED: marks.BAD,
}


class TrackingInline(ReadOnlyInline):
    """The history of one shipment."""

    model = TrackingEntry
    fields = ["sequence", "state", "at"]


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    """Shipments change by the order that owns them, or by the carrier."""

    list_display = ["tracking", "order_number", "method_id", "status", "created_at", "changed_at"]
    list_filter = ["state"]
    search_fields = ["order_number", "tracking_number__startswith"]
    search_help_text = "Order number or tracking number"
    ordering = ["-created_at", "id"]
    inlines = [TrackingInline]

    @admin.display(description="Tracking number")
    def tracking(self, shipment: Shipment) -> str:
        return str(shipment)

    @admin.display(description="State")
    def status(self, shipment: Shipment) -> str:
        return marks.tag(shipment.state, TONES[ShipmentState(shipment.state)])

    def as_stored(self, lookup: str, text: str) -> str:
        return text.upper()


@admin.register(TrackingEntry)
class TrackingEntryAdmin(ReadOnlyAdmin):
    """The append-only history of all shipments."""

    list_display = ["shipment_id", "sequence", "state", "at"]
    ordering = ["-id"]
