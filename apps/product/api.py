"""The catalogue over HTTP. Answers are plain dictionaries: serializers check what comes in."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.utils.http import parse_etags
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.utils.urls import replace_query_param

from apps.product import catalogue, listing, services
from apps.product.models import Category, Product
from shop.fields import MoneyIn, MoneyOut, SkuIn
from shop.idempotency import keys
from shop.identity.authentication import EVERYONE, May
from shop.money import MAX, Money
from shop.pagination import CursorPagination
from shop.problems import Problem

# Short, so that a client sees a new price within seconds; then it asks again with the ETag, which is cheap.
_CACHED = "public, max-age=5"
_SHAPE = "1"  # part of the ETag: raise it when answers get another form, so that no client keeps the old one


class CategoryNameOut(serializers.Serializer[Any]):
    """Which category a product is in."""

    slug = serializers.CharField()
    name = serializers.CharField()


class CategoryOut(CategoryNameOut):
    """A category; ``parent`` is a slug, or null."""

    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # the attribute becomes a declared field


class CategoryIn(serializers.Serializer[Any]):
    """A category to be created."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    parent = serializers.SlugField(  # type: ignore[assignment]  # as above
        max_length=80, required=False, allow_blank=True, default=""
    )


class PricedOut(serializers.Serializer[Any]):
    """A SKU; ``available`` is what may still be ordered, as last heard."""

    sku = serializers.CharField()
    price = MoneyOut()
    available = serializers.IntegerField()


class VariantOut(PricedOut):
    """A SKU in the choice of its options."""

    options = serializers.DictField(child=serializers.CharField())


class ListedOut(PricedOut):
    """A product in a list, with the SKU, price and availability of its first variant."""

    slug = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    in_stock = serializers.BooleanField()
    variants = VariantOut(many=True)


class FacetOut(serializers.Serializer[Any]):
    """How many products a choice would leave; 1000 stands for as many or more."""

    value = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class FacetsOut(serializers.Serializer[Any]):
    """Ways to narrow the list."""

    category = FacetOut(many=True)


class ProductsOut(serializers.Serializer[Any]):
    """One page; ``facets`` come with the first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ListedOut(many=True)
    facets = FacetsOut(required=False)


class SoldVariantOut(VariantOut):
    """A variant with what taxes and shipping depend on."""

    tax_class = serializers.CharField()
    weight_g = serializers.IntegerField()


class ProductOut(SoldVariantOut):
    """The variant asked for, its product, and the product's variants."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = CategoryNameOut()
    published = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    in_stock = serializers.BooleanField()
    variants = SoldVariantOut(many=True)


class PriceIn(MoneyIn):
    """A price: money that is not negative."""

    def to_internal_value(self, data: Any) -> Money:
        price: Money = super().to_internal_value(data)
        if price.amount < 0:
            raise serializers.ValidationError({"amount": ["A price is not negative."]})
        return price


class OptionsIn(serializers.DictField):
    """``{"Colour": "blue", "Size": "M"}``."""

    child = serializers.CharField(max_length=80)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        options = super().to_internal_value(data)
        name = serializers.CharField(max_length=40)
        return {name.run_validation(key): value for key, value in options.items()}


class VariantIn(serializers.Serializer[Any]):
    """A variant to be created."""

    sku = SkuIn()
    price = PriceIn()
    options = OptionsIn(default=dict)
    tax_class = serializers.SlugField(max_length=32, default="standard")
    weight_g = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class ProductIn(serializers.Serializer[Any]):
    """A product to be created; ``category`` is a slug. The first variant stands for it in lists."""

    name = serializers.CharField(max_length=200)
    category = serializers.SlugField(max_length=80)
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    published = serializers.BooleanField(default=False)
    variants = serializers.ListField(child=VariantIn(), allow_empty=False, max_length=100)


class VariantPriceIn(serializers.Serializer[Any]):
    """A new price of one variant."""

    sku = SkuIn()
    price = PriceIn()


class ProductChangeIn(serializers.Serializer[Any]):
    """What to change; what is absent stays. ``price`` is that of the SKU in the path."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    published = serializers.BooleanField(required=False)
    price = PriceIn(required=False)
    variants = serializers.ListField(child=VariantPriceIn(), required=False, max_length=100)


class ProductsQuery(serializers.Serializer[Any]):
    """Filters of the list; an empty one is as good as none."""

    search = serializers.CharField(required=False, max_length=100)
    category = serializers.SlugField(required=False, max_length=80)
    price_min = serializers.DecimalField(required=False, max_digits=16, decimal_places=3, max_value=MAX)
    price_max = serializers.DecimalField(required=False, max_digits=16, decimal_places=3, max_value=MAX)
    in_stock = serializers.BooleanField(required=False)
    ordering = serializers.ChoiceField(required=False, choices=list(listing.ORDERINGS))
    cursor = serializers.CharField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=CursorPagination.max_page_size)


class CatalogueView(GenericAPIView[Any]):
    """A catalogue resource. Its JSON carries an ETag, and 304 costs one statement.

    Pages for people carry none: what they show depends on who looks.
    """

    permission_classes = [May("product.change_product", reading=EVERYONE)]
    pagination_class: type[BasePagination] | None = None

    def cached(self, request: Request, build: Callable[[], Any]) -> Response:
        """What ``build`` returns, or 304 if the client has it already."""
        if request.accepted_renderer.format != "json" or request.user.is_staff:
            return Response(build(), headers={"Cache-Control": "private, no-store"})
        revision = catalogue.revision()
        if revision is None:
            return Response(build(), headers={"Cache-Control": _CACHED})
        headers = {"Cache-Control": _CACHED, "ETag": f'"{_SHAPE}-{revision}"'}
        if _has(request.headers.get("If-None-Match", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(build(), headers=headers)


def _has(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110 13.1.2): a proxy that compresses marks the tag as weak."""
    return any(known == "*" or known.removeprefix("W/") == tag for known in parse_etags(if_none_match))


class Products(CatalogueView):
    """The published products, 20 a page: search by words of the name, filter, order. Staff add products."""

    queryset = Product.objects.all()
    permission_classes = [May("product.add_product", reading=EVERYONE)]
    serializer_class = ProductIn

    @extend_schema(operation_id="products_list", parameters=[ProductsQuery], responses=ProductsOut)
    def get(self, request: Request) -> Response:
        return self.cached(request, lambda: self._page(request))

    def _page(self, request: Request) -> dict[str, Any]:
        query, cursor = _asked(request)
        results, page = catalogue.page(query, cursor)
        shown = {
            "next": _link(request, page.next),
            "previous": _link(request, page.previous),
            "results": results,
        }
        return shown if cursor else shown | {"facets": catalogue.facets(query)}

    @extend_schema(request=ProductIn, responses={201: ProductOut})
    def post(self, request: Request) -> Response:
        body = ProductIn(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(request, lambda: _create(body.validated_data), _created(request), find=_found)


def _asked(request: Request) -> tuple[listing.Query, listing.Cursor | None]:
    """The query's parameters. Raises ValidationError, Problem."""
    return _read(tuple((name, value) for name, value in request.query_params.items() if value))


@lru_cache(maxsize=512)  # a serializer copies its fields for each use, and shoppers ask the same few things
def _read(given: tuple[tuple[str, str], ...]) -> tuple[listing.Query, listing.Cursor | None]:
    read = ProductsQuery(data=dict(given))
    read.is_valid(raise_exception=True)
    asked: dict[str, Any] = dict(read.validated_data)
    cursor = asked.pop("cursor", None)
    query = listing.Query(**asked)
    try:
        return query, listing.cursor_of(cursor, ordering=query.ordering) if cursor else None
    except listing.InvalidCursor:
        raise Problem(400, "invalid", errors={"cursor": [CursorPagination.invalid_cursor_message]}) from None


def _link(request: Request, cursor: listing.Cursor | None) -> str | None:
    return replace_query_param(request.build_absolute_uri(), "cursor", str(cursor)) if cursor else None


def _create(asked: Mapping[str, Any]) -> Product:
    variants = [services.NewVariant(**variant) for variant in asked["variants"]]
    try:
        return services.create_product(**{**asked, "variants": variants})
    except services.UnknownCategory:
        raise serializers.ValidationError({"category": ["There is no such category."]}) from None
    except services.SkuTaken as exc:
        raise Problem(409, "sku-taken", "A SKU names one variant.", skus=exc.skus) from exc


def _created(request: Request) -> Callable[[Product], Response]:
    def render(product: Product) -> Response:
        sku = catalogue.first_sku(product.pk)
        location = reverse("product:product", args=[sku], request=request)
        return Response(catalogue.product(sku, drafts=True), 201, headers={"Location": location})

    return render


def _found(resource: str) -> Product:
    return Product.objects.get(pk=resource)


class ProductView(CatalogueView):
    """One variant by its SKU, with its product. Staff also see drafts, and change the product."""

    queryset = Product.objects.all()
    serializer_class = ProductChangeIn

    @extend_schema(responses=ProductOut)
    def get(self, request: Request, sku: str) -> Response:
        return self.cached(request, lambda: _shown(sku, drafts=request.user.is_staff))

    @extend_schema(request=ProductChangeIn, responses=ProductOut)
    def patch(self, request: Request, sku: str) -> Response:
        body = ProductChangeIn(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        asked = dict(body.validated_data)
        prices = {variant["sku"]: variant["price"] for variant in asked.pop("variants", ())}
        if "price" in asked:
            prices[sku] = asked.pop("price")
        try:
            services.change_product(sku=sku, prices=prices, **asked)
        except services.UnknownSku as exc:
            raise Problem(404, "unknown-sku", f"This product has no variant {exc}.") from exc
        return Response(_shown(sku, drafts=True))


def _shown(sku: str, *, drafts: bool) -> dict[str, Any]:
    found = catalogue.product(sku, drafts=drafts)
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
        return self.cached(request, self._page)

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
