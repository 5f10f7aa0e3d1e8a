"""What belongs to one product, over HTTP: its pictures and its reviews."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.product import pictures, reviews
from apps.product.errors import UnknownSku
from apps.product.models import Image, Product, Review
from apps.product.serializers import (
    ModeratedReviewOut,
    ModerationIn,
    PictureIn,
    PictureOrderIn,
    PictureStateOut,
    ReviewIn,
    ReviewOut,
)
from apps.product.thumbnails import thumbnails
from apps.product.views import CatalogueView
from shop.idempotency import keys
from shop.identity.authentication import May
from shop.pagination import CursorPagination
from shop.problems import Problem


@contextmanager
def _named_refusals() -> Iterator[None]:
    try:
        yield
    except UnknownSku:
        raise Problem(404, "unknown-sku", "The catalogue has no such SKU.") from None
    except pictures.BadPicture as exc:
        raise serializers.ValidationError({"file": [str(exc)]}) from None
    except pictures.UnknownPicture:
        raise Problem(404, "unknown-picture", "The product has other pictures than these.") from None
    except pictures.TooMany:
        raise Problem(409, "too-many-pictures", f"A product has at most {pictures.MOST} pictures.") from None
    except reviews.AlreadyReviewed:
        raise Problem(409, "already-reviewed", "A customer reviews a product once.") from None
    except reviews.UnknownReview:
        raise Problem(404, "unknown-review") from None


class Pictures(CatalogueView):
    """A product's pictures, for staff: upload one or name its address, put them in order."""

    queryset = Image.objects.all()
    permission_classes = [May("product.add_image", reading="product.view_image")]
    serializer_class = PictureIn

    @extend_schema(operation_id="pictures_list", responses=PictureStateOut(many=True))
    def get(self, request: Request, sku: str) -> Response:
        return Response(_pictures(sku))

    @extend_schema(request=PictureIn, responses={201: PictureStateOut})
    def post(self, request: Request, sku: str) -> Response:
        body = PictureIn(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        with _named_refusals():
            return keys.perform(
                request,
                lambda: _add(sku, asked),
                lambda made: Response(_picture(made), 201),
                find=lambda resource: Image.objects.get(pk=resource),
            )

    @extend_schema(request=PictureOrderIn, responses=PictureStateOut(many=True))
    def patch(self, request: Request, sku: str) -> Response:
        body = PictureOrderIn(data=request.data)
        body.is_valid(raise_exception=True)
        with _named_refusals():
            pictures.reorder(sku=sku, ids=body.validated_data["order"])
        return Response(_pictures(sku))


class OnePicture(CatalogueView):
    """One picture of a product: take it away."""

    queryset = Image.objects.all()
    permission_classes = [May("product.delete_image")]

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, sku: str, picture: int) -> Response:
        with _named_refusals():
            pictures.delete(sku=sku, image_id=picture)
        return Response(status=204)


def _add(sku: str, asked: dict[str, Any]) -> Image:
    if "file" in asked:
        return pictures.upload(sku=sku, data=asked["file"].read(), alt=asked["alt"])
    return pictures.add_address(sku=sku, address=asked["address"], alt=asked["alt"])


def _pictures(sku: str) -> list[dict[str, Any]]:
    product = Product.objects.filter(variants__sku=sku).first()
    if product is None:
        raise Problem(404, "unknown-sku", "The catalogue has no such SKU.")
    return [_picture(image) for image in product.images.order_by("position", "id")]


def _picture(image: Image) -> dict[str, Any]:
    return {
        "id": image.pk,
        "alt": image.alt,
        "address": image.address,
        "state": image.state,
        "error": image.error,
        "width": image.width,
        "height": image.height,
        "thumbnails": thumbnails(image.digest, image.width) if image.digest else [],
    }


class Reviews(CatalogueView):
    """What customers think of a product, newest first, once staff have approved it. A customer writes one."""

    queryset = Review.objects.all()
    permission_classes = [AllowAny]
    serializer_class = ReviewIn
    pagination_class = CursorPagination
    ordering = "-id"

    @extend_schema(operation_id="reviews_list", responses=ReviewOut(many=True))
    def get(self, request: Request, sku: str) -> Response:
        return self.cached(request, lambda _: self._page(sku))

    def _page(self, sku: str) -> Any:
        product = Product.objects.filter(variants__sku=sku, published=True).first()
        if product is None:
            raise Problem(404, "unknown-sku", "The catalogue has no such SKU.")
        approved = Review.objects.filter(product=product, state=Review.State.APPROVED)
        rows = self.paginate_queryset(approved) or []
        return self.get_paginated_response([_review(row) for row in rows]).data

    @extend_schema(request=ReviewIn, responses={201: ReviewOut})
    def post(self, request: Request, sku: str) -> Response:
        account_id = request.user.pk
        if account_id is None:
            raise NotAuthenticated
        body = ReviewIn(data=request.data)
        body.is_valid(raise_exception=True)
        with _named_refusals():
            return keys.perform(
                request,
                lambda: reviews.write(sku=sku, account_id=account_id, **body.validated_data),
                _written,
                find=lambda resource: Review.objects.get(pk=resource),
            )


def _written(review: Review) -> Response:
    reviews.verify(review_id=review.pk)
    review.refresh_from_db()
    return Response(_review(review), 201)


class Moderation(CatalogueView):
    """Reviews of all products, newest first, for those who decide on them."""

    queryset = Review.objects.all()
    permission_classes = [May("product.moderate_review", reading="product.view_review")]
    pagination_class = CursorPagination
    ordering = "-id"

    @extend_schema(
        operation_id="reviews_moderated",
        parameters=[OpenApiParameter("state", enum=Review.State.values)],
        responses=ModeratedReviewOut(many=True),
    )
    def get(self, request: Request) -> Response:
        found = Review.objects.all()
        if state := request.query_params.get("state"):
            found = found.filter(state=state)
        rows = self.paginate_queryset(found) or []
        return self.get_paginated_response([_moderated(row) for row in rows])


class OneReview(CatalogueView):
    """One review: approve or refuse it."""

    queryset = Review.objects.all()
    permission_classes = [May("product.moderate_review", reading="product.view_review")]
    serializer_class = ModerationIn

    @extend_schema(request=ModerationIn, responses=ModeratedReviewOut)
    def patch(self, request: Request, review: int) -> Response:
        body = ModerationIn(data=request.data)
        body.is_valid(raise_exception=True)
        with _named_refusals():
            decided = reviews.moderate(review_id=review, approve=body.validated_data["state"] == Review.State.APPROVED)
        return Response(_moderated(decided))


def _review(review: Review) -> dict[str, Any]:
    return {
        "id": review.pk,
        "author": review.author,
        "rating": review.rating,
        "title": review.title,
        "text": review.text,
        "verified": review.verified,
        "created_at": review.created_at,
    }


def _moderated(review: Review) -> dict[str, Any]:
    return _review(review) | {"product": review.product_id, "state": review.state}
