"""Commands of other roles. Each carries the id of what it makes or changes as its Idempotency-Key."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.payment import services
from shop.api import InternalView
from shop.fields import MoneyIn
from shop.idempotency import keys
from shop.money import Money
from shop.problems import Problem


class PositiveMoneyIn(MoneyIn):
    """Money to be moved: more than nothing."""

    def to_internal_value(self, data: Any) -> Money:
        money: Money = super().to_internal_value(data)
        if money.amount <= 0:
            raise serializers.ValidationError({"amount": ["More than zero."]})
        return money


class AuthorisationIn(serializers.Serializer[Any]):
    """A payment to authorise."""

    id = serializers.UUIDField()
    order_number = serializers.CharField(max_length=32)
    amount = PositiveMoneyIn()
    token = serializers.CharField(max_length=255, trim_whitespace=False)
    reference = serializers.CharField(max_length=255, trim_whitespace=False)
    customer_id = serializers.CharField(max_length=36, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")


class RefundIn(serializers.Serializer[Any]):
    """A refund of a captured payment."""

    id = serializers.UUIDField()
    payment_id = serializers.UUIDField()
    amount = PositiveMoneyIn()


class Authorisations(InternalView):
    """Authorise a payment."""

    def post(self, request: Request) -> Response:
        asked = _valid(AuthorisationIn, request)
        keys.require(request, asked["id"])
        with _refusals():
            payment = services.authorise(payment_id=asked.pop("id"), **asked)
        return Response({"id": payment.pk, "status": payment.status}, status.HTTP_201_CREATED)


class Captures(InternalView):
    """Capture an authorised payment."""

    def post(self, request: Request, payment_id: UUID) -> Response:
        keys.require(request, payment_id)
        with _refusals():
            payment = services.capture(payment_id=payment_id)
        return Response({"id": payment.pk, "status": payment.status})


class Voids(InternalView):
    """Void a payment, seen or unseen."""

    def post(self, request: Request, payment_id: UUID) -> Response:
        keys.require(request, payment_id)
        with _refusals():
            services.void(payment_id=payment_id)
        return Response({"id": payment_id})


class Refunds(InternalView):
    """Refund part of a captured payment."""

    def post(self, request: Request) -> Response:
        asked = _valid(RefundIn, request)
        keys.require(request, asked["id"])
        with _refusals():
            refund = services.refund(refund_id=asked["id"], payment_id=asked["payment_id"], amount=asked["amount"])
        return Response({"id": refund.pk, "status": refund.status}, status.HTTP_201_CREATED)


def _valid(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    asked: dict[str, Any] = body.validated_data
    return asked


@contextmanager
def _refusals() -> Iterator[None]:
    """What the services refuse, as problems."""
    try:
        yield
    except services.UnknownPayment as exc:
        raise Http404 from exc
    except services.Declined as exc:
        raise Problem(*_PROBLEMS[type(exc)], code=exc.code) from exc
    except tuple(_PROBLEMS) as exc:
        raise Problem(*_PROBLEMS[type(exc)]) from exc


_PROBLEMS: dict[type[Exception], tuple[int, str]] = {
    services.Declined: (402, "payment-declined"),
    services.CaptureRefused: (409, "capture-refused"),
    services.RefundRefused: (409, "refund-refused"),
    services.Superseded: (409, "superseded"),
    services.AlreadyCaptured: (409, "already-captured"),
    services.NotAuthorised: (409, "not-authorised"),
    services.RefundExceedsCaptured: (409, "refund-exceeds-captured"),
    services.InProgress: (409, "request-in-progress"),
    services.ContentDiffers: (422, "content-differs"),
}
