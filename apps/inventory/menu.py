"""Inventory's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="inventory",
    section="Warehouse",
    position=10,
    title="Stock",
    icon="warehouse",
    page="inventory/item/",
    permission="inventory.view_item",
)

entry(
    role="inventory",
    section="Warehouse",
    position=20,
    title="Receive",
    icon="barcode_scanner",
    page="inventory/movement/receive",
    permission="inventory.receive_stock",
)

entry(
    role="inventory",
    section="Warehouse",
    position=30,
    title="Movements",
    icon="swap_vert",
    page="inventory/movement/",
    permission="inventory.view_movement",
)

entry(
    role="inventory",
    section="Settings",
    position=50,
    title="Warehouses",
    icon="home_work",
    page="inventory/warehouse/",
    permission="inventory.view_warehouse",
)
