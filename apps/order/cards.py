"""Order's cards on the admin's first page."""

from apps.order.models import Order, Refund
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url
from shop.env import env
from shop.money import Money

_LISTED = "order/order/"


@card(role="order", position=10, permission="order.view_order")
def orders_today() -> Card:
    """Orders placed since midnight, UTC, whatever became of them."""
    seen = chart(
        "order_order",
        at="placed_at",
        measures=["count(*)", "count(*) FILTER (WHERE state IN ('rejected', 'cancelled'))"],
    )
    return Card(
        title="Orders today",
        value=f"{seen.of_today():,.0f}",
        note=f"{seen.of_today(1):,.0f} of them rejected or cancelled",
        href=admin_url("order", _LISTED, placed_at_from=seen.today),
        series=seen.series(),
        series_note="Orders",
        span=seen.span,
    )


@card(role="order", position=11, permission="order.view_order")
def revenue_today() -> Card:
    """Totals of today's orders that stand, in the shop's own currency."""
    kept = "currency = %s AND state NOT IN ('rejected', 'cancelled')"
    seen = chart("order_order", at="placed_at", measures=["sum(total)", "count(*)"], where=kept, values=[env.currency])
    orders, revenue = seen.of_today(1), Money(seen.of_today(), env.currency)
    mean = Money(revenue.amount / orders, env.currency) if orders else Money.zero(env.currency)
    return Card(
        title="Revenue today",
        value=f"{revenue.amount:,}",
        unit=env.currency,
        note=f"{mean.amount:,} {env.currency} an order",
        href=admin_url("order", _LISTED, placed_at_from=seen.today),
        series=seen.series(),
        series_note="Revenue",
        span=seen.span,
    )


@card(role="order", position=30, permission="order.view_order")
def parked_orders() -> Card:
    """Orders whose saga waits for a person."""
    waiting = counted(Order.objects.filter(parked=True))
    seen = chart("order_order", at="placed_at", step="day", where="parked")
    return Card(
        title="Parked orders",
        value=text(waiting),
        note=f"wait{'s' if waiting == 1 else ''} for a decision" if waiting else "none waits for a decision",
        href=admin_url("order", _LISTED, parked__exact=1),
        series=seen.series(),
        series_note="Parked orders by when they were placed",
        span=seen.span,
        alarm=bool(waiting),
    )


@card(role="order", position=31, permission="order.view_refund")
def parked_refunds() -> Card:
    """Refunds that payment has not answered for too long, and those under way."""
    waiting = counted(Refund.objects.filter(parked=True))
    seen = chart("order_refund", at="requested_at", step="day", measures=["count(*)"])
    return Card(
        title="Parked refunds",
        value=text(waiting),
        note=f"{seen.of_today():,.0f} asked for today",
        href=admin_url("order", "order/refund/", parked__exact=1),
        series=seen.series(),
        series_note="Refunds",
        span=seen.span,
        alarm=bool(waiting),
    )
