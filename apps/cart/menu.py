"""Cart's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="cart",
    section="Sales",
    position=40,
    title="Carts",
    icon="shopping_cart",
    page="cart/cart/",
    permission="cart.view_cart",
)
