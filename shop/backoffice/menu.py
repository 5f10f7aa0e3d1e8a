"""The menu of every admin page: what people do all day, whichever role's process draws it."""

from typing import Any

from django.http import HttpRequest

from shop.backoffice.links import admin_url

# Section -> entries: title, icon, role, page in that role's admin, permission to see it.
_Entry = tuple[str, str, str, str, str]
_SECTIONS: tuple[tuple[str, tuple[_Entry, ...]], ...] = (
    (
        "Sales",
        (
            ("Orders", "receipt_long", "order", "order/order/", "order.view_order"),
            ("Refunds", "currency_exchange", "order", "order/refund/", "order.view_refund"),
            ("Payments", "credit_card", "payment", "payment/payment/", "payment.view_payment"),
            ("Carts", "shopping_cart", "cart", "cart/cart/", "cart.view_cart"),
            ("Customers", "group", "user", "identity/account/", "identity.view_account"),
        ),
    ),
    (
        "Catalogue",
        (
            ("Products", "inventory_2", "product", "product/product/", "product.view_product"),
            ("Categories", "account_tree", "product", "product/category/", "product.view_category"),
            ("Attributes", "tune", "product", "product/attribute/", "product.view_attribute"),
            ("Reviews", "reviews", "product", "product/review/", "product.view_review"),
        ),
    ),
    (
        "Warehouse",
        (
            ("Stock", "warehouse", "inventory", "inventory/item/", "inventory.view_item"),
            ("Receive", "barcode_scanner", "inventory", "inventory/movement/receive", "inventory.receive_stock"),
            ("Movements", "swap_vert", "inventory", "inventory/movement/", "inventory.view_movement"),
            ("Shipments", "local_shipping", "shipping", "shipping/shipment/", "shipping.view_shipment"),
        ),
    ),
    (
        "Settings",
        (
            ("Messages", "mail", "notification", "notification/message/", "notification.view_message"),
            ("Wordings", "edit_note", "notification", "notification/template/", "notification.view_template"),
            ("Shipping rates", "price_change", "shipping", "shipping/zone/", "shipping.view_zone"),
            ("Taxes", "percent", "order", "order/taxcountry/", "order.view_taxcountry"),
            ("Warehouses", "home_work", "inventory", "inventory/warehouse/", "inventory.view_warehouse"),
        ),
    ),
)

FINDING = ("order", "product", "user", "inventory", "shipping", "payment")  # roles that the search box asks


def shown_to(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections in which the reader may see something, in unfold's form."""
    sections = [
        {"title": title, "items": [_item(request, entry) for entry in entries if request.user.has_perm(entry[4])]}
        for title, entries in _SECTIONS
    ]
    return [section for section in sections if section["items"]]


def _item(request: HttpRequest, entry: _Entry) -> dict[str, Any]:
    title, icon, role, page, _ = entry
    link = admin_url(role, page)
    active = request.path == link or (request.path.startswith(link) and not _is_page_of_another(request.path))
    return {"title": title, "icon": icon, "link": link, "active": active, "has_permission": True}


def _is_page_of_another(path: str) -> bool:
    return any(path == admin_url(role, page) for _, entries in _SECTIONS for _, _, role, page, _ in entries)
