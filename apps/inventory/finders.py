"""What the admin's search box finds in stock."""

from apps.inventory.models import Item
from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url

_SHORTEST = 3  # characters of a SKU that say something


@finder(role="inventory", permission="inventory.view_item")
def items(text: str, limit: int) -> list[Hit]:
    """By SKU, or its beginning."""
    if len(text) < _SHORTEST:
        return []
    found = Item.objects.filter(sku__startswith=text).order_by("sku")
    return [
        Hit(
            title=item.sku,
            note=f"{item.available:,} available",
            href=admin_url("inventory", f"inventory/item/{item.sku}/change/"),
        )
        for item in found[:limit]
    ]
