"""What other roles reach of order: ``apps.order.client`` is its other side."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.order.models import OrderLine
from apps.order.states import State
from shop.api import InternalView
from shop.fields import SkuIn

MAX_SKUS = 500  # of one question
_BOUGHT = (State.CONFIRMED, State.SHIPPED, State.DELIVERED)


class PurchasesIn(serializers.Serializer[Any]):
    """A customer, and the SKUs asked about."""

    account_id = serializers.UUIDField()
    skus = serializers.ListField(child=SkuIn(), max_length=MAX_SKUS)


class Purchases(InternalView):
    """Which SKUs a customer has bought. A question by POST: the SKUs may be too long for a request line."""

    def post(self, request: Request) -> Response:
        asked = PurchasesIn(data=request.data)
        asked.is_valid(raise_exception=True)
        lines = OrderLine.objects.filter(
            order__customer_id=asked.validated_data["account_id"],
            order__state__in=_BOUGHT,
            sku__in=asked.validated_data["skus"],
        )
        return Response({"skus": sorted(set(lines.values_list("sku", flat=True)))})
