"""User's card on the admin's first page."""

from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart
from shop.backoffice.links import admin_url


@card(role="user", position=70, permission="identity.view_account")
def new_customers() -> Card:
    """Accounts registered today."""
    seen = chart("identity_account", at="created_at", step="day", where="NOT is_staff")
    return Card(
        title="New customers today",
        value=f"{seen.of_today():,.0f}",
        note=f"{seen.total():,.0f} in 14 days",
        href=admin_url("user", "identity/account/"),
        series=seen.series(),
        series_note="New customers",
        span=seen.span,
    )
