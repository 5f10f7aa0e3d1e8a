"""User's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="user",
    section="Sales",
    position=50,
    title="Customers",
    icon="group",
    page="identity/account/",
    permission="identity.view_account",
)
