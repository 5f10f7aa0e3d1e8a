"""Payment's cards on the admin's first page."""

from apps.payment.models import Payment
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url

_ALARMING = 0.25  # share of declines: far above what cards of a shop do on a usual day


@card(role="payment", position=20, permission="payment.view_payment")
def failure_rate() -> Card:
    """The share of today's decided authorisations that were declined."""
    seen = chart(
        "payment_payment",
        at="created_at",
        measures=["count(*) FILTER (WHERE status = 'declined')", "count(*) FILTER (WHERE status <> 'authorising')"],
    )
    declined, decided = seen.of_today(), seen.of_today(1)
    share = float(declined / decided) if decided else 0.0
    return Card(
        title="Payment failures today",
        value=f"{100 * share:.1f}",
        unit="%",
        note=f"{declined:,.0f} of {decided:,.0f} authorisations declined",
        href=admin_url("payment", "payment/payment/", status__exact="declined", created_at_from=seen.today),
        series=[row[0] / row[1] if row[1] else 0 for row in zip(seen.series(), seen.series(1), strict=True)],
        series_note="Share of declined authorisations",
        span=seen.span,
        alarm=share > _ALARMING and declined > 5,
    )


@card(role="payment", position=32, permission="payment.view_payment")
def parked_payments() -> Card | None:
    """Payments that wait for a person; where there is none, there is nothing to say."""
    waiting = counted(Payment.objects.exclude(parked_reason=""))
    if not waiting:
        return None
    seen = chart("payment_payment", at="created_at", step="day", where="parked_reason <> ''")
    return Card(
        title="Parked payments",
        value=text(waiting),
        note="wait for a decision",
        href=admin_url("payment", "payment/payment/", parked="yes"),
        series=seen.series(),
        series_note="Parked payments",
        span=seen.span,
        alarm=True,
    )
