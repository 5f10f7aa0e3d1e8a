"""Carts over HTTP: a customer's by the access token, a guest's by X-Cart-Token."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart import presentation, services
from apps.cart.models import MOST_LINES, MOST_UNITS, Cart
from apps.cart.services import Contents, Owner
from shop.fields import LineIn, MoneyOut
from shop.idempotency import keys
from shop.identity.models import Account
from shop.problems import Problem

TOKEN_HEADER = "X-Cart-Token"  # noqa: S105  # a header's name
_TOKEN_PARAMETER = OpenApiParameter(TOKEN_HEADER, str, OpenApiParameter.HEADER, description="A guest's cart.")


class ItemOut(serializers.Serializer[Any]):
    """A line. ``available`` is null while inventory does not answer; prices are null once nothing sells it."""

    sku = serializers.CharField()
    name = serializers.CharField()
    options = serializers.DictField(child=serializers.CharField())
    quantity = serializers.IntegerField()
    unit_price = MoneyOut(allow_null=True)
    line_total = MoneyOut(allow_null=True)
    available = serializers.IntegerField(allow_null=True)


class NoticeOut(serializers.Serializer[Any]):
    """Units that were wanted and could not be put in; ``reason``: available, limit or cart-full."""

    sku = serializers.CharField()
    wanted = serializers.IntegerField()
    quantity = serializers.IntegerField()
    reason = serializers.CharField()


class CartOut(serializers.Serializer[Any]):
    """A cart; ``id`` is null before its first line. ``token`` comes once, with a guest's first line."""

    id = serializers.UUIDField(allow_null=True)
    items = ItemOut(many=True)
    subtotal = MoneyOut(allow_null=True)
    notices = NoticeOut(many=True)
    token = serializers.CharField(required=False)


class QuantityIn(serializers.Serializer[Any]):
    """Units of a line; to have none, delete it."""

    quantity = serializers.IntegerField(min_value=1, max_value=MOST_UNITS)


class MergeIn(serializers.Serializer[Any]):
    """The token of the guest's cart."""

    cart_token = serializers.CharField(max_length=200)


class CartView(GenericAPIView[Any]):
    """What every cart resource needs: whose cart, and how it is shown."""

    queryset = Cart.objects.all()
    permission_classes = [AllowAny]
    pagination_class = None

    def owner(self, request: Request) -> Owner:
        """The caller: a customer, else the holder of a token, else a stranger."""
        if request.user.is_authenticated:
            return Owner(customer_id=request.user.pk)
        return Owner(token=request.headers.get(TOKEN_HEADER, ""))

    def contents(self, request: Request) -> Contents:
        with refusals():
            return services.contents(owner=self.owner(request))


@contextmanager
def refusals() -> Iterator[None]:
    """What the services refuse becomes a problem."""
    try:
        yield
    except services.CartNotFound:
        raise Problem(404, "cart-not-found", "No cart has this token.") from None
    except services.LineNotFound as exc:
        raise Problem(404, "not-found", f"The cart has no {exc}.") from None
    except services.CartFull:
        raise Problem(409, "cart-full", f"A cart has at most {MOST_LINES} different SKUs.") from None


class CartRoot(CartView):
    """The caller's cart. Looking at it writes nothing: a stranger's is empty."""

    @extend_schema(parameters=[_TOKEN_PARAMETER], responses=CartOut)
    def get(self, request: Request) -> Response:
        contents = self.contents(request)
        shown = presentation.shown(contents, presentation.ask(contents.lines))
        return Response(shown, headers={"Cache-Control": "private, no-store"})

    @extend_schema(parameters=[_TOKEN_PARAMETER], responses={204: None})
    def delete(self, request: Request) -> Response:
        with refusals():
            services.remove(owner=self.owner(request))
        return Response(status=204)


class Items(CartView):
    """Put units of a SKU into the cart: they are added to those in it, up to 999.

    A guest's first line makes a cart; the answer carries its token in X-Cart-Token and as ``token``.
    """

    serializer_class = LineIn

    @extend_schema(parameters=[_TOKEN_PARAMETER], request=LineIn, responses={201: CartOut})
    def post(self, request: Request) -> Response:
        body = LineIn(data=request.data)
        body.is_valid(raise_exception=True)
        owner, line = self.owner(request), body.validated_data
        answers = presentation.ask({*self.contents(request).lines, line["sku"]})
        if line["sku"] not in answers.prices:
            raise Problem(404, "unknown-sku", "The catalogue has no such SKU.")
        add = partial(services.add, owner=owner, **line)
        render = partial(_added, answers)
        with refusals():
            if owner == Owner():
                return render(add())  # nobody to keep a key for; a repeat makes another cart, the first expires
            caller = None if owner.customer_id else f"cart {owner.token_hash}"
            return keys.perform(request, add, render, find=_found, caller=caller)


def _added(answers: presentation.Answers, contents: Contents) -> Response:
    shown = presentation.shown(contents, answers)
    headers = {"Location": "/cart"}
    if contents.token:
        shown["token"] = headers[TOKEN_HEADER] = contents.token
    return Response(shown, 201, headers=headers)


def _found(resource: str) -> Contents:
    return services.contents_of(cart_id=UUID(resource))


class Item(CartView):
    """One line of the cart."""

    serializer_class = QuantityIn

    @extend_schema(parameters=[_TOKEN_PARAMETER], request=QuantityIn, responses=CartOut)
    def patch(self, request: Request, sku: str) -> Response:
        body = QuantityIn(data=request.data)
        body.is_valid(raise_exception=True)
        answers = presentation.ask(self.contents(request).lines)
        with refusals():
            contents = services.set_quantity(owner=self.owner(request), sku=sku, **body.validated_data)
        return Response(presentation.shown(contents, answers))

    @extend_schema(parameters=[_TOKEN_PARAMETER], responses={204: None})
    def delete(self, request: Request, sku: str) -> Response:
        with refusals():
            services.remove(owner=self.owner(request), sku=sku)
        return Response(status=204)


class Merge(CartView):
    """Put a guest's cart into the customer's at sign-in. The token is dead afterwards; a repeat returns the same."""

    permission_classes = [IsAuthenticated]
    serializer_class = MergeIn

    @extend_schema(request=MergeIn, responses=CartOut)
    def post(self, request: Request) -> Response:
        body = MergeIn(data=request.data)
        body.is_valid(raise_exception=True)
        customer, token = cast(Account, request.user).pk, body.validated_data["cart_token"]
        answers = presentation.ask(self._skus(customer, token))
        with refusals():
            return keys.perform(
                request,
                partial(services.merge, customer_id=customer, token=token, available=answers.available),
                lambda contents: Response(presentation.shown(contents, answers)),
                find=lambda _: services.merged_before(customer_id=customer, token=token),
            )

    def _skus(self, customer: UUID, token: str) -> set[str]:
        """Of both carts; of a token that is dead already, none."""
        skus = set(services.contents(owner=Owner(customer_id=customer)).lines)
        try:
            return skus | set(services.contents(owner=Owner(token=token)).lines)
        except services.CartNotFound:
            return skus
