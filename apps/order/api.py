"""Public HTTP of order."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.inventory.client import OutOfStock
from apps.order import pricing, quotes, refunds, saga, services, shown
from apps.order.models import Order, Quote, Refund, RefundStatus, TimelineEntry
from apps.order.quotes import Buyer
from apps.order.serializers import (
    Nothing,
    OrderIn,
    OrderOut,
    OrderRefundOut,
    OrderRowOut,
    QuoteIn,
    QuoteOut,
    RefundIn,
    TimelineOut,
)
from apps.order.states import ENDED, Reason, State
from apps.shipping.client import MethodUnavailable
from shop import problems
from shop.env import env
from shop.idempotency import keys
from shop.identity.authentication import May
from shop.pagination import CursorPagination
from shop.problems import Problem

CART_TOKEN = OpenApiParameter("X-Cart-Token", location="header", description="A guest's cart.")
PARKED = OpenApiParameter("parked", bool, description="Staff: only those that wait for a person.")
ORDER_TOKEN = OpenApiParameter("X-Order-Token", location="header", description="Opens a guest's order.")
KEY = OpenApiParameter("Idempotency-Key", location="header", required=True, description="At most 255 characters.")

_PENDING_RETRY_S = 2  # when a pending order is worth another look
_STATUS = {Reason.DECLINED: 402}  # of a rejected order's problem; otherwise 409


class NewestFirst(CursorPagination):
    ordering = ("-placed_at", "-id")


class OldestFirst(CursorPagination):
    ordering = "id"


def _buyer(request: Request, email: str = "") -> Buyer:
    if request.user.is_authenticated:
        return Buyer(customer_id=request.user.pk)
    return Buyer(email=email, cart_token=request.headers.get("X-Cart-Token", "")[:255])


class Quotes(generics.GenericAPIView[Quote]):
    """What an order would cost, frozen for a while.

    Without ``lines`` the caller's cart is quoted: a customer's by their account, a guest's by
    ``X-Cart-Token``. Guests give an address of e-mail.
    """

    permission_classes = [AllowAny]
    serializer_class = QuoteIn

    @extend_schema(parameters=[CART_TOKEN], request=QuoteIn, responses={201: QuoteOut})
    def post(self, request: Request) -> Response:
        body = QuoteIn(data=request.data, context={"guest": not request.user.is_authenticated})
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        buyer = _buyer(request, asked["email"])
        return keys.perform(
            request,
            command=lambda: _quoted(buyer, asked),
            render=lambda made: Response(shown.quote(made), 201),
            find=lambda key: quotes.find(UUID(key), buyer=buyer),
            caller=_quoting(buyer),
        )


def _quoting(buyer: Buyer) -> str:
    """Whose idempotency keys these are; of a guest without a cart nothing else is known than the address."""
    if buyer.customer_id:
        return str(buyer.customer_id)
    return f"cart {buyer.cart_token_hash}" if buyer.cart_token_hash else f"guest {buyer.email}"


def _quoted(buyer: Buyer, asked: Mapping[str, Any]) -> Quote:
    """``quotes.make`` with its refusals as problems."""
    address, method = asked["shipping_address"], asked["shipping_method"]
    try:
        return quotes.make(buyer=buyer, address=address, method=method, lines=asked.get("lines"))
    except quotes.EmptyCart:
        raise _invalid("lines", "The cart is empty.") from None
    except quotes.TooManyLines:
        raise _invalid("lines", f"At most {quotes.LONGEST} lines.") from None
    except quotes.MixedCurrencies:
        raise _invalid("lines", "The prices are in different currencies.") from None
    except pricing.TooExpensive:
        raise _invalid("lines", "The total is too large.") from None
    except MethodUnavailable:
        raise _invalid("shipping_method", "It does not deliver this there.") from None
    except quotes.UnknownSku as exc:
        raise Problem(400, "unknown-sku", "Not for sale: " + ", ".join(exc.skus), skus=exc.skus) from None
    except OutOfStock as exc:
        raise Problem(409, "out-of-stock", "There are fewer units than asked for.", short=exc.short) from None


def _invalid(field: str, text: str) -> Problem:
    return Problem(400, "invalid", "The request has invalid fields.", errors={field: [text]})


class OneQuote(generics.GenericAPIView[Quote]):
    """A quote, and whether it still holds."""

    permission_classes = [AllowAny]
    serializer_class = QuoteOut

    @extend_schema(parameters=[CART_TOKEN], responses=QuoteOut)
    def get(self, request: Request, quote_id: UUID) -> Response:
        quote = quotes.find(quote_id, buyer=_buyer(request))
        if quote is None:
            raise Http404
        return Response(shown.quote(quote))


class Orders(generics.GenericAPIView[Order]):
    """A customer's own orders, newest first; staff see everyone's. POST takes up a quote."""

    permission_classes = [AllowAny]
    serializer_class = OrderIn
    pagination_class = NewestFirst
    queryset = Order.objects.none()

    @extend_schema(parameters=[PARKED], responses=OrderRowOut(many=True))
    def get(self, request: Request) -> Response:
        if not request.user.is_authenticated:
            raise NotAuthenticated
        orders = Order.objects.for_list()
        if not request.user.has_perm("order.view_order"):
            orders = orders.of_customer(request.user.pk)
        elif request.query_params.get("parked") == "true":
            orders = orders.filter(parked=True)
        page = self.paginate_queryset(orders) or []
        return self.get_paginated_response([shown.order_row(order) for order in page])

    @extend_schema(parameters=[CART_TOKEN, KEY], request=OrderIn, responses={201: OrderOut, 202: OrderOut})
    def post(self, request: Request) -> Response:
        """201 confirmed; 202 pending: it goes on by itself, look at Location. A rejected order frees its quote."""
        body = OrderIn(data=request.data)
        body.is_valid(raise_exception=True)
        quote = quotes.find(body.validated_data["quote"], buyer=_buyer(request))
        if quote is None:
            raise Http404
        caller = _caller(quote)
        key = keys.read(request, required=True, caller=caller)
        assert key
        return keys.perform(
            request,
            command=lambda: _placed(quote, body.validated_data["payment"]["token"], key.value),
            render=_outcome,
            find=_decided,
            required=True,
            caller=caller,
        )


def _caller(quote: Quote) -> str:
    """Whose idempotency keys these are: the same whether or not a guest has signed in since."""
    if quote.customer_id:
        return str(quote.customer_id)
    return f"cart {quote.cart_token_hash}" if quote.cart_token_hash else f"quote {quote.pk}"


def _placed(quote: Quote, token: str, reference: str) -> Order:
    try:
        return services.place(quote=quote, token=token, reference=reference)
    except services.QuoteExpired:
        raise Problem(409, "quote-expired", "The quote no longer holds: ask for a new one.") from None
    except services.QuoteUsed:
        raise Problem(409, "quote-used", "There is an order for this quote.") from None


def _decided(order_id: str) -> Order:
    """The order a repeated key made, once it is decided or the time for it is over."""
    saga.settle(UUID(order_id), budget_s=env.order_budget_s)
    return Order.objects.for_page().get(pk=order_id)


def _outcome(order: Order) -> Response:
    """The answer to placing an order, by its present state."""
    if order.state == State.REJECTED:
        return _rejected(order)
    page = shown.just_placed(order) if order.is_new else shown.order(order)
    if order.state != State.PENDING:
        return Response(page, 201)
    headers = {"Location": f"/order/orders/{order.number}", "Retry-After": str(_PENDING_RETRY_S)}
    return Response(page, 202, headers=headers)


def _rejected(order: Order) -> Response:
    """A response, not an exception: a replay adds its header to it."""
    status = _STATUS.get(Reason(order.reason), 409)
    detail = f"Order {order.number} was rejected. Its quote can be used again."
    problem = problems.body(status, order.reason, detail, number=order.number, **order.refusal)
    return Response(problem, status, content_type=problems.CONTENT_TYPE)


class OrderView(generics.GenericAPIView[Any]):
    """What is below one order: for its customer, staff, or a guest who holds its token. Else it is 404."""

    permission_classes = [AllowAny]
    queryset = Order.objects.none()
    staff_permission = "order.view_order"

    def order(self, number: str) -> Order:
        order: Order | None = self.get_queryset().filter(number=number.upper()).first()
        if order is None or not self._may_see(order):
            raise Http404
        return order

    def get_queryset(self) -> Any:
        return Order.objects.all()

    def _may_see(self, order: Order) -> bool:
        user = self.request.user
        if user.is_authenticated and (user.pk == order.customer_id or user.has_perm(self.staff_permission)):
            return True
        token = self.request.headers.get("X-Order-Token", "")
        return order.customer_id is None and services.opens(token, order.number)


class OneOrder(OrderView):
    """One order with its payment, shipments and refunds, also while those roles are down."""

    serializer_class = OrderOut

    def get_queryset(self) -> Any:
        return Order.objects.for_page()

    @extend_schema(parameters=[ORDER_TOKEN], responses=OrderOut)
    def get(self, request: Request, number: str) -> Response:
        return Response(shown.order(self.order(number)))


class Timeline(OrderView):
    """What happened to an order, oldest first. An entry is a new state (``to``) or a ``note``."""

    serializer_class = TimelineOut
    pagination_class = OldestFirst

    @extend_schema(parameters=[ORDER_TOKEN], responses=TimelineOut(many=True))
    def get(self, request: Request, number: str) -> Response:
        entries = TimelineEntry.objects.filter(order=self.order(number))
        return self.get_paginated_response(shown.timeline(self.paginate_queryset(entries) or []))


class Cancel(OrderView):
    """Stop an order before its shipment is booked. A repeat changes nothing."""

    serializer_class = Nothing
    staff_permission = "order.cancel_order"

    @extend_schema(parameters=[ORDER_TOKEN], request=None, responses={200: OrderOut, 202: OrderOut})
    def post(self, request: Request, number: str) -> Response:
        """200 once cancelled (a pending order: rejected), 202 while that is under way."""
        order = self.order(number)
        return keys.perform(
            request,
            command=lambda: _cancelled(order),
            render=lambda _: _cancellation(order.pk),
            find=lambda _: None,
            caller=None if request.user.is_authenticated else f"order {order.pk}",
        )


def _cancelled(order: Order) -> Order:
    try:
        return services.cancel(order_id=order.pk)
    except services.TooLateToCancel:
        raise Problem(409, "too-late-to-cancel", "The shipment is booked: return it instead.") from None


def _cancellation(order_id: UUID) -> Response:
    order = Order.objects.for_page().get(pk=order_id)
    return Response(shown.order(order), 200 if order.state in ENDED else 202)


class Refunds(OrderView):
    """Give back the whole of what was paid, or a part."""

    permission_classes = [May("order.refund_order")]
    serializer_class = RefundIn

    @extend_schema(parameters=[KEY], request=RefundIn, responses={201: OrderRefundOut})
    def post(self, request: Request, number: str) -> Response:
        """201, also for a refund that is pending: it is asked for until payment answers."""
        order = self.order(number)
        body = RefundIn(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(
            request,
            command=lambda: _refunded(order, body.validated_data["amount"]),
            render=lambda refund: _refund(order, refund),
            find=lambda key: Refund.objects.get(pk=key),
            required=True,
        )


def _refunded(order: Order, amount: Any) -> Refund:
    try:
        return refunds.refund(order_id=order.pk, amount=amount)
    except refunds.WrongCurrency:
        raise _invalid("amount", f"The order was paid in {order.currency}.") from None
    except refunds.RefundExceedsCaptured:
        raise Problem(409, refunds.EXCEEDS, "More than what was captured and is not refunded.") from None


def _refund(order: Order, refund: Refund) -> Response:
    if refund.status == RefundStatus.REFUSED:
        slug = refunds.EXCEEDS if refund.code == refunds.EXCEEDS else "refund-refused"
        problem = problems.body(409, slug, "The money was not given back.", code=refund.code, id=str(refund.pk))
        return Response(problem, 409, content_type=problems.CONTENT_TYPE)
    return Response(shown.refund(order, refund), 201)
