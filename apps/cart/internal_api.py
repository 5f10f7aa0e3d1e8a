"""What other roles ask of carts."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart import services
from apps.cart.services import Contents, Owner
from shop.api import InternalView


class OwnerIn(serializers.Serializer[Any]):
    """Whose cart: a customer's or a token's; a question by POST, because a token is no part of an address."""

    customer_id = serializers.UUIDField(allow_null=True)
    cart_token = serializers.CharField(allow_blank=True, max_length=200)


class ContentsView(InternalView):
    """A cart's id and lines; without any, the id is empty. An unknown token has an empty cart."""

    def post(self, request: Request) -> Response:
        asked = OwnerIn(data=request.data)
        asked.is_valid(raise_exception=True)
        owner = Owner(customer_id=asked.validated_data["customer_id"], token=asked.validated_data["cart_token"])
        found = _contents(owner)
        return Response({"cart_id": str(found.id) if found.lines else "", "lines": found.lines})


def _contents(owner: Owner) -> Contents:
    try:
        return services.contents(owner=owner)
    except services.CartNotFound:
        return Contents()
