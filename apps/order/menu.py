"""Order's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="order",
    section="Sales",
    position=10,
    title="Orders",
    icon="receipt_long",
    page="order/order/",
    permission="order.view_order",
)

entry(
    role="order",
    section="Sales",
    position=20,
    title="Refunds",
    icon="currency_exchange",
    page="order/refund/",
    permission="order.view_refund",
)

entry(
    role="order",
    section="Settings",
    position=40,
    title="Taxes",
    icon="percent",
    page="order/taxcountry/",
    permission="order.view_taxcountry",
)
