"""Shipping's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="shipping",
    section="Warehouse",
    position=40,
    title="Shipments",
    icon="local_shipping",
    page="shipping/shipment/",
    permission="shipping.view_shipment",
)

entry(
    role="shipping",
    section="Settings",
    position=30,
    title="Shipping rates",
    icon="price_change",
    page="shipping/zone/",
    permission="shipping.view_zone",
)
