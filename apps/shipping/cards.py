"""Shipping's card on the admin's first page."""

from apps.shipping.models import Shipment, ShipmentState
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url


@card(role="shipping", position=40, permission="shipping.view_shipment")
def to_hand_over() -> Card:
    """Parcels that the carrier expects and does not have."""
    booked = counted(Shipment.objects.filter(state=ShipmentState.BOOKED))
    seen = chart("shipping_shipment", at="created_at")
    return Card(
        title="Shipments to hand over",
        value=text(booked),
        note=f"{seen.of_today():,.0f} booked today",
        href=admin_url("shipping", "shipping/shipment/", state__exact=ShipmentState.BOOKED),
        series=seen.series(),
        series_note="Shipments booked",
        span=seen.span,
    )
