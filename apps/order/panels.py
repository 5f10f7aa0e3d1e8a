"""What order shows on the pages of other roles."""

from uuid import UUID

from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest

from apps.order.desk import TONES
from apps.order.models import Order
from apps.order.states import ENDED, State
from shop.backoffice.panels import Shown, panel

_SHOWN = 10
_SUMMED = 1_000  # a customer with more orders than this is told about the newest


@panel(role="order", name="customer", permission="order.view_order")
def orders_of_customer(request: HttpRequest, key: str) -> Shown:
    """The newest orders of an account, and what they come to."""
    try:
        account_id = UUID(key)
    except ValueError:
        raise Http404 from None
    orders = Order.objects.of_customer(account_id).order_by("-placed_at", "-id")
    newest = Order.objects.filter(pk__in=orders.values("pk")[:_SUMMED])
    sums = newest.values("currency").annotate(count=Count("pk"), spent=Sum("total", filter=~Q(state__in=ENDED)))
    rows = [(order, TONES[State(order.state)]) for order in orders[:_SHOWN]]
    return "order/customer_panel.html", {"rows": rows, "sums": sums.order_by("currency"), "account_id": account_id}
