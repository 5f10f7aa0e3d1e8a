"""Reviews: written by customers, verified by order, decided on by staff."""

from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce

from apps.order import client as order
from apps.product.errors import UnknownSku
from apps.product.models import Product, Review, Variant
from apps.product.services import catalogue_changed
from shop.errors import NoAnswer
from shop.transactions import command

_SKUS = 500  # of one question, which order bounds
_BATCH = 20  # reviews of one turn of the job


class AlreadyReviewed(Exception):
    """The customer has reviewed this product before."""


class UnknownReview(Exception):
    """There is no such review."""


@command
def write(*, sku: str, account_id: UUID, author: str, rating: int, title: str = "", text: str = "") -> Review:
    """A customer's review of the product that ``sku`` belongs to; staff see it first.

    Raises UnknownSku (drafts included), AlreadyReviewed.
    """
    product = Product.objects.filter(variants__sku=sku, published=True).first()
    if product is None:
        raise UnknownSku(sku)
    given = {"author": author, "rating": rating, "title": title, "text": text, "state": Review.State.PENDING}
    review, created = Review.objects.get_or_create(product=product, account_id=account_id, defaults=given)
    if not created:
        raise AlreadyReviewed
    return review


def verify(*, review_id: int) -> bool:
    """Ask order whether the author bought the product; False while it does not answer."""
    review = Review.objects.filter(pk=review_id, verified=None).first()
    if review is None:
        return True
    skus = Variant.objects.filter(product=review.product_id).order_by("position").values_list("sku", flat=True)[:_SKUS]
    try:
        bought = order.bought(account_id=review.account_id, skus=list(skus))
    except NoAnswer:
        return False
    _verified(review_id=review_id, verified=bool(bought))
    return True


def verify_due() -> int:
    """One batch of reviews that order has not been heard on; none while it does not answer."""
    due = list(Review.objects.filter(verified=None).order_by("id").values_list("pk", flat=True)[:_BATCH])
    return len(due) if all(verify(review_id=number) for number in due) else 0


@command
def moderate(*, review_id: int, approve: bool) -> Review:
    """Show a review, or do not. May be decided anew. Raises UnknownReview."""
    product = Product.objects.select_for_update(of=("self",)).filter(reviews=review_id).first()
    review = Review.objects.filter(pk=review_id).first()
    if product is None or review is None:
        raise UnknownReview
    review.state = Review.State.APPROVED if approve else Review.State.REFUSED
    review.save(update_fields=["state"])
    approved = product.reviews.filter(state=Review.State.APPROVED)
    product.rating_sum = approved.aggregate(total=Coalesce(Sum("rating"), 0))["total"]
    product.rating_count = approved.count()
    product.save(update_fields=["rating_sum", "rating_count"])
    catalogue_changed()
    return review


@command
def _verified(*, review_id: int, verified: bool) -> None:
    if Review.objects.filter(pk=review_id).update(verified=verified):
        catalogue_changed()
