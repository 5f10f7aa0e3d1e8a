"""The catalogue over HTTP. Answers are plain dictionaries: serializers check what comes in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param

from apps.product import catalogue, facets, listing, services
from apps.product.asked import asked
from apps.product.models import Attribute, Category, Product
from apps.product.serializers import (
    AttributeSerializer,
    CategoryIn,
    CategoryOut,
    CategoryTreeOut,
    ProductChangeIn,
    ProductIn,
    ProductOut,
    ProductsOut,
    ProductsQuery,
)
from apps.product.views import CatalogueView
from shop.idempotency import keys
from shop.identity.authentication import EVERYONE, May
from shop.pagination import CursorPagination
from shop.problems import Problem


class Products(CatalogueView):
    """The published products, 20 a page: search by words of the name, filter, order. Staff add products."""

    queryset = Product.objects.all()
    permission_classes = [May("product.add_product", reading=EVERYONE)]
    serializer_class = ProductIn

    @extend_schema(operation_id="products_list", parameters=[ProductsQuery], responses=ProductsOut)
    def get(self, request: Request) -> Response:
        return self.cached(request, lambda state: self._page(request, state))

    def _page(self, request: Request, state: catalogue.State | None) -> dict[str, Any]:
        query, cursor = asked(request, catalogue.name(state))
        results, page = catalogue.page(state, query, cursor)
        shown = {
            "next": _link(request, page.next),
            "previous": _link(request, page.previous),
            "results": results,
        }
        if cursor:
            return shown
        return shown | {"facets": facets.counts(catalogue.name(state, stock=query.in_stock is not None), query)}

    @extend_schema(request=ProductIn, responses={201: ProductOut})
    def post(self, request: Request) -> Response:
        body = ProductIn(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(request, lambda: _create(body.validated_data), _created(request), find=_found)


def _link(request: Request, cursor: listing.Cursor | None) -> str | None:
    return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor)) if cursor else None


def _create(asked: Mapping[str, Any]) -> Product:
    variants = [services.VariantDraft(**variant) for variant in asked["variants"]]
    with _named_refusals():
        return services.create_product(**{**asked, "variants": variants})


@contextmanager
def _named_refusals() -> Iterator[None]:
    """What the services refuse, as the field that it is about."""
    try:
        yield
    except services.UnknownCategory:
        raise serializers.ValidationError({"category": ["There is no such category."]}) from None
    except services.UnknownAttribute as exc:
        raise serializers.ValidationError({"attributes": {str(exc): ["There is no such attribute."]}}) from None
    except services.WrongKind as exc:
        raise serializers.ValidationError({"attributes": {str(exc): ["Not a value of this attribute."]}}) from None
    except services.UnknownRelated as exc:
        raise serializers.ValidationError({"related": [f"No other product has the SKU {exc}."]}) from None
    except services.SkuTaken as exc:
        raise Problem(409, "sku-taken", "A SKU names one variant.", skus=exc.skus) from exc


def _created(request: Request) -> Callable[[Product], Response]:
    def render(product: Product) -> Response:
        sku = catalogue.first_sku(product.pk)
        location = reverse("product:product", args=[sku], request=request)
        return Response(_shown(catalogue.state(), sku, drafts=True), 201, headers={"Location": location})

    return render


def _found(resource: str) -> Product:
    return Product.objects.get(pk=resource)


class ProductView(CatalogueView):
    """One variant by its SKU, with its product. Staff also see drafts, and change the product."""

    queryset = Product.objects.all()
    serializer_class = ProductChangeIn

    @extend_schema(responses=ProductOut)
    def get(self, request: Request, sku: str) -> Response:
        return self.cached(request, lambda state: _shown(state, sku, drafts=request.user.is_staff))

    @extend_schema(request=ProductChangeIn, responses=ProductOut)
    def patch(self, request: Request, sku: str) -> Response:
        body = ProductChangeIn(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        asked = dict(body.validated_data)
        prices = {variant["sku"]: variant["price"] for variant in asked.pop("variants", ())}
        if "price" in asked:
            prices[sku] = asked.pop("price")
        try:
            with _named_refusals():
                services.change_product(sku=sku, prices=prices, **asked)
        except services.UnknownSku as exc:
            raise Problem(404, "unknown-sku", f"This product has no variant {exc}.") from exc
        return Response(_shown(catalogue.state(), sku, drafts=True))


def _shown(state: catalogue.State | None, sku: str, *, drafts: bool) -> dict[str, Any]:
    found = catalogue.product(state, sku, drafts=drafts)
    if found is None:
        raise Problem(404, "unknown-sku", "The catalogue has no such SKU.")
    return found


class Categories(CatalogueView):
    """All categories; ``parent`` makes them a tree. Staff add categories."""

    queryset = Category.objects.select_related("parent")
    permission_classes = [May("product.add_category", reading=EVERYONE)]
    serializer_class = CategoryIn
    pagination_class = CursorPagination
    ordering = ("name", "id")

    @extend_schema(responses=CategoryOut(many=True))
    def get(self, request: Request) -> Response:
        return self.cached(request, lambda _: self._page())

    def _page(self) -> Any:
        rows = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([_category(row) for row in rows]).data

    @extend_schema(request=CategoryIn, responses={201: CategoryOut})
    def post(self, request: Request) -> Response:
        body = CategoryIn(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(
            request,
            lambda: _create_category(body.validated_data),
            lambda made: Response(_category(made), 201),
            find=lambda resource: Category.objects.select_related("parent").get(pk=resource),
        )


def _create_category(asked: Mapping[str, str]) -> Category:
    try:
        return services.create_category(**asked)
    except services.UnknownCategory:
        raise serializers.ValidationError({"parent": ["There is no such category."]}) from None
    except services.SlugTaken as exc:
        raise Problem(409, "slug-taken", "Another category has this slug.") from exc


def _category(made: Category) -> dict[str, Any]:
    return {"slug": made.slug, "name": made.name, "parent": made.parent.slug if made.parent else None}


class CategoryTree(CatalogueView):
    """All categories at once, each with those below it."""

    queryset = Category.objects.all()

    @extend_schema(operation_id="categories_tree", responses=CategoryTreeOut(many=True))
    def get(self, request: Request) -> Response:
        return self.cached(request, lambda _: catalogue.tree())


class Attributes(CatalogueView):
    """The attributes that products are described by. Staff add attributes."""

    queryset = Attribute.objects.all()
    permission_classes = [May("product.add_attribute", reading=EVERYONE)]
    serializer_class = AttributeSerializer
    pagination_class = CursorPagination
    ordering = ("position", "name", "id")

    @extend_schema(responses=AttributeSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.cached(request, lambda _: self._page())

    def _page(self) -> Any:
        rows = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response(AttributeSerializer(rows, many=True).data).data

    @extend_schema(request=AttributeSerializer, responses={201: AttributeSerializer})
    def post(self, request: Request) -> Response:
        body = AttributeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(
            request,
            lambda: services.create_attribute(**body.validated_data),
            lambda made: Response(AttributeSerializer(made).data, 201),
            find=lambda resource: Attribute.objects.get(pk=resource),
        )
