"""Inventory's card on the admin's first page."""

from apps.inventory.models import Item
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url

# Movements have no index by time; their ids grow with it, and the newest are what a chart of hours needs.
_NEWEST = "(SELECT * FROM inventory_movement ORDER BY id DESC LIMIT 20000) movement"


@card(role="inventory", position=25, permission="inventory.view_item")
def low_stock() -> Card:
    """SKUs at or below their reorder point."""
    low = counted(Item.objects.filter(low=True))
    gone = counted(Item.objects.filter(low=True, available=0))
    shipped = chart(_NEWEST, at="created_at", measures=["-sum(on_hand)"], where="kind = 'ship'")
    return Card(
        title="Low stock",
        value=text(low),
        unit="SKU" if low == 1 else "SKUs",
        note=f"{text(gone)} sold out · {shipped.of_today():,.0f} units shipped today",
        href=admin_url("inventory", "inventory/item/", level="low"),
        series=shipped.series(),
        series_note="Units shipped",
        span=shipped.span,
        alarm=bool(gone),
    )
