"""What cart hears: an order was confirmed."""

from collections import Counter
from uuid import UUID

from apps.cart import services
from shop.events.registry import Received, handles


@handles("order.confirmed.v1")
def take_out_ordered(received: Received) -> None:
    """Take the order's lines out of the cart it was made from; what came in since the quote stays."""
    if not received.payload["cart_id"]:
        return
    ordered = Counter[str]()
    for line in received.payload["lines"]:
        ordered[line["sku"]] += line["quantity"]
    services.take_out_ordered(cart_id=UUID(received.payload["cart_id"]), lines=ordered)
