"""Payments as their owner and the staff see them. Nothing here moves money: order does."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.payment.models import Payment
from shop.api import ApiRoot
from shop.fields import MoneyOut
from shop.identity.authentication import May
from shop.money import Money
from shop.pagination import CursorPagination


class Root(ApiRoot):
    """Payments of orders: authorised, captured, voided, refunded."""

    links = {"payments": "payment:payments"}


class AttemptOut(serializers.Serializer[Any]):
    """One step at the gateway; ``outcome`` is empty while its answer is unknown."""

    kind = serializers.CharField()
    outcome = serializers.CharField()
    code = serializers.CharField()
    started_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class RefundOut(serializers.Serializer[Any]):
    """One refund: pending, succeeded or refused."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    amount = MoneyOut()
    created_at = serializers.DateTimeField()


class PaymentOut(serializers.Serializer[Any]):
    """A payment; ``authorised`` is net of voids, ``parked`` is for a person to look at."""

    id = serializers.UUIDField()
    order_number = serializers.CharField()
    status = serializers.CharField()
    amount = MoneyOut()
    authorised = MoneyOut()
    captured = MoneyOut()
    refunded = MoneyOut()
    parked = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    attempts = AttemptOut(many=True)
    refunds = RefundOut(many=True)


class PaymentDetail(generics.GenericAPIView[Payment]):
    """One payment, of the caller's own or for the staff."""

    serializer_class = PaymentOut

    @extend_schema(responses=PaymentOut)
    def get(self, request: Request, payment_id: UUID) -> Response:
        visible = Payment.objects.for_list()
        if not request.user.has_perm("payment.view_payment"):
            visible = visible.of(request.user.pk)
        payment = visible.filter(pk=payment_id).first()
        if payment is None:
            raise Http404
        return Response(shown(payment))


class Newest(CursorPagination):
    """The order of ``PaymentQuerySet.for_list``."""

    ordering = ("-created_at", "-id")


class PaymentList(generics.GenericAPIView[Payment]):
    """All payments, newest first (staff)."""

    permission_classes = [May("payment.view_payment")]
    serializer_class = PaymentOut
    pagination_class = Newest

    @extend_schema(operation_id="payments_list", responses=PaymentOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(Payment.objects.for_list())
        return self.get_paginated_response([shown(payment) for payment in page or ()])


def shown(payment: Payment) -> dict[str, Any]:
    """A payment with its attempts and refunds, as PaymentOut describes it."""

    def money(amount: Any) -> dict[str, str]:
        return Money(amount, payment.currency).json()

    return {
        "id": payment.pk,
        "order_number": payment.order_number,
        "status": payment.status,
        "amount": money(payment.amount),
        "authorised": money(payment.authorised),
        "captured": money(payment.captured),
        "refunded": money(payment.refunded),
        "parked": payment.parked,
        "created_at": payment.created_at,
        "attempts": [
            {name: getattr(attempt, name) for name in ("kind", "outcome", "code", "started_at", "settled_at")}
            for attempt in payment.attempts.all()
        ],
        "refunds": [
            {"id": made.pk, "status": made.status, "amount": money(made.amount), "created_at": made.created_at}
            for made in payment.refunds.all()
        ],
    }
