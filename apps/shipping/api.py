"""Public HTTP of shipping: methods with their prices, and tracking."""

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.shipping.models import Rate, Shipment, ShipmentState
from shop.fields import COUNTRY_PATTERN, MoneyOut
from shop.money import Money


class MethodsQuery(serializers.Serializer[Any]):
    """``country`` narrows the list to methods that go there."""

    country = serializers.RegexField(rf"^{COUNTRY_PATTERN}\Z", required=False)


class PriceOut(serializers.Serializer[Any]):
    """Price of parcels of up to ``up_to_g`` grams."""

    zone = serializers.CharField()
    up_to_g = serializers.IntegerField()
    price = MoneyOut()


class MethodOut(serializers.Serializer[Any]):
    """A way to send goods."""

    code = serializers.CharField()
    name = serializers.CharField()
    carrier = serializers.CharField()
    prices = PriceOut(many=True)


class MethodsOut(serializers.Serializer[Any]):
    """All there are: one page, in the form of every list."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MethodOut(many=True)


class Methods(APIView):
    """The ways to send goods, each with its prices by zone and weight."""

    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[OpenApiParameter("country", description="ISO 3166-1 alpha-2: only what goes there.")],
        responses=MethodsOut,
    )
    def get(self, request: Request) -> Response:
        query = MethodsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        rates = Rate.objects.offered()
        if country := query.validated_data.get("country"):
            rates = rates.to_address(country, "")
        return Response({"next": None, "previous": None, "results": _methods(rates)})


class HistoryOut(serializers.Serializer[Any]):
    """The shipment reached a state."""

    status = serializers.ChoiceField(choices=ShipmentState.choices)
    at = serializers.DateTimeField()


class TrackingOut(serializers.Serializer[Any]):
    """Where a shipment is; nothing about whom it goes to."""

    tracking_number = serializers.CharField()
    method = serializers.CharField()
    carrier = serializers.CharField()
    status = serializers.ChoiceField(choices=ShipmentState.choices)
    history = HistoryOut(many=True)


class Tracking(APIView):
    """Where a shipment is. Its number is all one needs, and all one learns from: no personal data."""

    permission_classes = [AllowAny]

    @extend_schema(responses=TrackingOut)
    def get(self, request: Request, tracking_number: str) -> Response:
        found = (
            Shipment.objects.filter(tracking_number=tracking_number)
            .select_related("method")
            .prefetch_related("tracking")
            .first()
        )
        if found is None:
            raise Http404
        return Response(_tracking(found))


def _methods(rates: Iterable[Rate]) -> list[dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for rate in rates:
        method = rate.method
        entry = shown.setdefault(
            method.code, {"code": method.code, "name": method.name, "carrier": method.carrier, "prices": []}
        )
        price = Money(rate.price, rate.currency).json()
        entry["prices"].append({"zone": rate.zone.name, "up_to_g": rate.up_to_g, "price": price})
    return list(shown.values())


def _tracking(shipment: Shipment) -> dict[str, Any]:
    method = shipment.method
    return {
        "tracking_number": shipment.tracking_number,
        "method": method.code if method else "",
        "carrier": method.carrier if method else "",
        "status": shipment.state,
        "history": [{"status": entry.state, "at": entry.at} for entry in shipment.tracking.all()],
    }
