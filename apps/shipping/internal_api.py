"""What order asks of shipping; ``client.py`` is its other half."""

from typing import Any
from uuid import UUID

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.shipping import services
from shop.api import InternalView
from shop.fields import COUNTRY_PATTERN, AddressIn, SkuIn
from shop.idempotency import keys
from shop.money import Money
from shop.problems import Problem


class RateQuery(serializers.Serializer[Any]):
    """What is to be sent where, and the currency of the price."""

    method = serializers.CharField(max_length=40)
    country = serializers.RegexField(rf"^{COUNTRY_PATTERN}\Z")
    postal_code = serializers.CharField(max_length=16, allow_blank=True, default="")
    weight_g = serializers.IntegerField(min_value=0)  # beyond every bracket: unavailable, not invalid
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")


class Rate(InternalView):
    """The price of sending something."""

    def get(self, request: Request) -> Response:
        query = RateQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        try:
            rate = services.rate(**query.validated_data)
        except services.MethodUnavailable as exc:
            raise Problem(409, "method-unavailable") from exc
        price = Money(rate.price, rate.currency).json()
        return Response(
            {"method": rate.method_id, "name": rate.method_name, "price": price, "tax_class": rate.tax_class}
        )


class ParcelLineIn(serializers.Serializer[Any]):
    """What is in the parcel."""

    sku = SkuIn()
    name = serializers.CharField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class BookingIn(serializers.Serializer[Any]):
    """A shipment to book under an id of the caller's choice."""

    id = serializers.UUIDField()
    order_number = serializers.CharField(max_length=32)
    method = serializers.CharField(max_length=40)
    address = AddressIn()
    lines = ParcelLineIn(many=True, allow_empty=False)
    customer_id = serializers.CharField(max_length=36, allow_blank=True)
    email = serializers.CharField(max_length=254, allow_blank=True)


class Bookings(InternalView):
    """Book a shipment. Safe to repeat."""

    def post(self, request: Request) -> Response:
        body = BookingIn(data=request.data)
        body.is_valid(raise_exception=True)
        asked = dict(body.validated_data)
        shipment_id = asked.pop("id")
        keys.require(request, shipment_id)
        try:
            shipment = services.book(shipment_id=shipment_id, **asked)
        except services.BookingRefused as exc:
            raise Problem(409, "booking-refused", code=exc.code) from exc
        except services.Superseded as exc:
            raise Problem(409, "superseded") from exc
        except services.OtherContent as exc:
            raise Problem(422, "idempotency-key-reused", "The id belongs to another shipment.") from exc
        return Response({"tracking_number": shipment.tracking_number}, status.HTTP_201_CREATED)


class Cancel(InternalView):
    """Cancel a shipment, or make sure that it is never booked. Safe to repeat."""

    def post(self, request: Request, shipment_id: UUID) -> Response:
        keys.require(request, shipment_id)
        try:
            services.cancel(shipment_id=shipment_id)
        except services.TooLate as exc:
            raise Problem(409, "too-late") from exc
        return Response({"id": shipment_id})


class HandOver(InternalView):
    """Give a booked shipment to the carrier. Safe to repeat."""

    def post(self, request: Request, shipment_id: UUID) -> Response:
        keys.require(request, shipment_id)
        try:
            services.hand_over(shipment_id=shipment_id)
        except services.ShipmentGone as exc:
            raise Problem(409, "shipment-gone") from exc
        return Response({"id": shipment_id})
