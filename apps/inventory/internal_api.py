"""What other roles reach of inventory: ``apps.inventory.client`` is its other side."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.inventory import services
from apps.inventory.models import Item
from shop.api import InternalView
from shop.fields import SKU_PATTERN
from shop.idempotency import keys
from shop.problems import Problem

MAX_LINES = 500  # of one reservation; bounds the rows one request can lock
MAX_UNITS = 1_000_000  # of one line
MAX_SKUS = 100  # of one question about availability: they travel in the URL


class LinesIn(serializers.DictField):
    """SKU -> units."""

    child = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)

    def to_internal_value(self, data: Any) -> Any:
        lines = super().to_internal_value(data)
        if not 1 <= len(lines) <= MAX_LINES:
            raise serializers.ValidationError(f"From 1 to {MAX_LINES} lines.")
        if not all(re.fullmatch(SKU_PATTERN, sku) for sku in lines):
            raise serializers.ValidationError("A key is not a SKU.")
        return lines


class ReservationIn(serializers.Serializer[Any]):
    """``lifetime_s`` is how long the units are held unless secured: milliseconds to a day."""

    id = serializers.UUIDField()
    lines = LinesIn()
    lifetime_s = serializers.DecimalField(max_digits=8, decimal_places=3, min_value=0, max_value=86_400)


class Reservations(InternalView):
    """Reserve stock for an order: every line or none. Safe to repeat."""

    def post(self, request: Request) -> Response:
        body = ReservationIn(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        keys.require(request, asked["id"])
        try:
            made = services.reserve(
                reservation_id=asked["id"], lines=asked["lines"], lifetime_s=float(asked["lifetime_s"])
            )
        except services.OutOfStock as exc:
            raise Problem(409, "out-of-stock", short=exc.short) from exc
        except services.Superseded as exc:
            raise Problem(409, "superseded") from exc
        except services.DifferentLines as exc:
            raise Problem(422, "different-lines", "The id was used for a reservation of other lines.") from exc
        return Response({"id": made.pk, "expires_at": made.expires_at}, 201)


class _ReservationCommand(InternalView):
    """A command on one reservation, keyed by its id. Safe to repeat."""

    command: Callable[..., None]

    def post(self, request: Request, reservation_id: UUID) -> Response:
        keys.require(request, reservation_id)
        try:
            self.command(reservation_id=reservation_id)
        except services.ReservationGone as exc:
            raise Problem(409, "reservation-gone") from exc
        except services.NotSecured as exc:
            raise Problem(409, "not-secured") from exc
        except services.AlreadyCommitted as exc:
            raise Problem(409, "already-committed") from exc
        return Response({"id": reservation_id})


class Secure(_ReservationCommand):
    """The reservation no longer expires."""

    command = partial(services.secure)


class Commit(_ReservationCommand):
    """The units leave the warehouse."""

    command = partial(services.commit)


class Release(_ReservationCommand):
    """The units are free again; of an unknown id a tombstone stays."""

    command = partial(services.release)


class Availability(InternalView):
    """``?skus=`` separated by commas: units of each that nobody was promised."""

    def get(self, request: Request) -> Response:
        skus = [sku for sku in request.query_params.get("skus", "").split(",") if sku]
        if len(skus) > MAX_SKUS:
            raise Problem(400, "invalid", errors={"skus": [f"At most {MAX_SKUS}."]})
        return Response({"available": Item.objects.available(skus)})


class OpeningIn(serializers.Serializer[Any]):
    """One batch of opening stock."""

    id = serializers.UUIDField()
    units = LinesIn()


class OpeningStock(InternalView):
    """First receipts of SKUs that never moved; the others are left alone. Safe to repeat."""

    def post(self, request: Request) -> Response:
        body = OpeningIn(data=request.data)
        body.is_valid(raise_exception=True)
        keys.require(request, body.validated_data["id"])
        try:
            services.open_stock(units=body.validated_data["units"])
        except services.UnknownWarehouse as exc:
            raise Problem(409, "unknown-warehouse", f"There is no warehouse {exc}.") from exc
        return Response({"id": body.validated_data["id"]})
