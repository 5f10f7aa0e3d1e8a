"""What inventory shows on the pages of other roles."""

from django.http import HttpRequest

from apps.inventory.models import Item
from shop.backoffice.panels import Shown, panel


@panel(role="inventory", name="stock", permission="inventory.view_stock")
def stock_of_sku(request: HttpRequest, key: str) -> Shown:
    """Units of a SKU in each warehouse; one that never moved has none."""
    item = Item.objects.filter(pk=key).with_warehouses().first()
    shown = {"sku": key, "item": item, "may_receive": request.user.has_perm("inventory.receive_stock")}
    return "inventory/stock_panel.html", shown
