"""Reviews on their product's page and in their own list, where they are approved or refused."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.product import reviews
from apps.product.models import Product, Review

_SHOWN = 10  # of a product's reviews; the list has all of them


def shown(request: HttpRequest, product: Product) -> dict[str, Any] | None:
    """What the section of a product's page draws; None for those who may not see reviews."""
    if not request.user.has_perm("product.view_review"):
        return None
    newest = product.reviews.order_by(Case(When(state=Review.State.PENDING, then=0), default=1), "-id")[: _SHOWN + 1]
    rows = list(newest)
    return {
        "product": product,
        "rows": rows[:_SHOWN],
        "more": len(rows) > _SHOWN,
        "may": request.user.has_perm("product.moderate_review"),
    }


def decide(page: Any, request: HttpRequest, product_id: int) -> HttpResponse:
    """Approve or refuse one review; answers the section again, or to a browser without a script its page."""
    if not request.user.has_perm("product.moderate_review"):
        raise PermissionDenied
    product = Product.objects.filter(pk=product_id).first()
    review = Review.objects.filter(product=product_id, pk=_number(request.POST.get("review"))).first()
    if product is None or review is None:
        raise Http404
    reviews.moderate(review_id=review.pk, approve=request.POST.get("decision") == "approve")
    if request.headers.get("X-Requested-With") != "fetch":
        return HttpResponseRedirect(reverse("admin:product_product_change", args=[product_id]))
    return TemplateResponse(request, "product/admin/reviews.html", {"reviews": shown(request, product)})


def decide_all(page: Any, request: HttpRequest, queryset: QuerySet[Review], *, approve: bool) -> None:
    """Decide on the chosen reviews."""
    done = 0
    for pk in queryset.values_list("pk", flat=True):
        reviews.moderate(review_id=pk, approve=approve)
        done += 1
    page.message_user(request, f"{'Approved' if approve else 'Refused'}: {done}.", messages.SUCCESS)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0
