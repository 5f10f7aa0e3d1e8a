"""What payment shows on the pages of other roles."""

from django.http import Http404, HttpRequest

from apps.payment.admin import TONES
from apps.payment.models import Attempt, Payment, Status
from shop.backoffice import marks
from shop.backoffice.panels import Shown, panel

_SHOWN = 20  # payments of an order: one, unless its quote was rejected and paid again


@panel(role="payment", name="order", permission="payment.view_payment")
def payments_of_order(request: HttpRequest, key: str) -> Shown:
    """An order's payments, with every attempt at the gateway and how long it took to answer."""
    found = Payment.objects.filter(order_number=key).prefetch_related("attempts").order_by("-created_at", "-id")
    rows = [
        (
            payment,
            TONES.get(Status(payment.status), marks.QUIET),
            [(each, _took(each)) for each in payment.attempts.all()],
        )
        for payment in found[:_SHOWN]
    ]
    if not rows:
        raise Http404
    return "payment/order_panel.html", {"rows": rows}


def _took(attempt: Attempt) -> str:
    return marks.lasting(attempt.settled_at - attempt.started_at) if attempt.settled_at else ""
