"""What the admin's search box finds in orders."""

from django.db.models import QuerySet

from apps.order.models import Order
from apps.order.services import NUMBER_LENGTH
from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url
from shop.backoffice.marks import money

_SHORTEST = 4  # characters of an order number that say something


@finder(role="order", permission="order.view_order")
def orders(text: str, limit: int) -> list[Hit]:
    """By number, or its beginning; by a guest's e-mail address."""
    if "@" in text:
        return _hits(Order.objects.filter(email=text.lower()), limit)
    if _SHORTEST <= len(text) <= NUMBER_LENGTH:
        return _hits(Order.objects.filter(number__startswith=text.upper()), limit)
    return []


def _hits(orders: QuerySet[Order], limit: int) -> list[Hit]:
    return [
        Hit(
            title=order.number,
            note=f"{order.state} · {money(order.total, order.currency)} · {order.placed_at:%d %b %Y}",
            href=admin_url("order", f"order/order/{order.number}/change/"),
        )
        for order in orders.order_by("-placed_at")[:limit]
    ]
