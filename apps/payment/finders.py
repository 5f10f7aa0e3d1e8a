"""What the admin's search box finds in payments."""

from uuid import UUID

from apps.payment.models import Payment
from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url
from shop.backoffice.marks import money


@finder(role="payment", permission="payment.view_payment")
def payments(text: str, limit: int) -> list[Hit]:
    """By the number of their order, or by id."""
    try:
        found = Payment.objects.filter(pk=UUID(text))
    except ValueError:
        found = Payment.objects.filter(order_number=text.upper()).order_by("-created_at")
    return [
        Hit(
            title=f"Payment of {payment.order_number}",
            note=f"{payment.status} · {money(payment.amount, payment.currency)}",
            href=admin_url("payment", f"payment/payment/{payment.pk}/change/"),
        )
        for payment in found[:limit]
    ]
