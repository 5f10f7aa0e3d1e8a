"""What other roles ask of the catalogue."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.product import catalogue
from shop.api import InternalView

_MOST_SKUS = 500


class PricesIn(serializers.Serializer[Any]):
    """SKUs, separated by commas."""

    skus = serializers.CharField(max_length=_MOST_SKUS * 65)


class Prices(InternalView):
    """Names, prices, tax classes and weights of published SKUs; the others are absent.

    A question by either method: POST is for what is too long for a request line.
    """

    def get(self, request: Request) -> Response:
        return self._answer(request.query_params)

    def post(self, request: Request) -> Response:
        return self._answer(request.data)

    def _answer(self, data: Any) -> Response:
        asked = PricesIn(data=data)
        asked.is_valid(raise_exception=True)
        return Response({"prices": catalogue.prices(asked.validated_data["skus"].split(","))})
