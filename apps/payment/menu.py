"""Payment's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="payment",
    section="Sales",
    position=30,
    title="Payments",
    icon="credit_card",
    page="payment/payment/",
    permission="payment.view_payment",
)
