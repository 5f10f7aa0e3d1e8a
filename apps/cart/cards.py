"""Cart's card on the admin's first page."""

from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart
from shop.backoffice.links import admin_url


@card(role="cart", position=60, permission="cart.view_cart")
def open_carts() -> Card:
    """Carts that somebody changed today."""
    seen = chart("cart_cart", at="touched_at", measures=["count(*)", "count(*) FILTER (WHERE customer_id IS NOT NULL)"])
    return Card(
        title="Carts in use today",
        value=f"{seen.of_today():,.0f}",
        note=f"{seen.of_today(1):,.0f} of customers, the others of guests",
        href=admin_url("cart", "cart/cart/", touched_at_from=seen.today),
        series=seen.series(),
        series_note="Carts by their last change",
        span=seen.span,
    )
