"""Stock for everyone; warehouses, receipts and adjustments for staff."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from apps.inventory import services
from apps.inventory.models import Item, Movement, MovementKind, Stock, Warehouse
from shop.fields import SkuIn
from shop.idempotency import keys
from shop.identity.authentication import May
from shop.pagination import CursorPagination
from shop.problems import Problem

MAX_UNITS = 1_000_000  # of one receipt or adjustment: more is a slip of the finger

_required_key = OpenApiParameter(keys.HEADER, str, OpenApiParameter.HEADER, required=True)
_optional_key = OpenApiParameter(keys.HEADER, str, OpenApiParameter.HEADER)


class ByPriority(CursorPagination):
    ordering = ("priority", "code")


class BySku(CursorPagination):
    ordering = "sku"


class Newest(CursorPagination):
    ordering = "-id"


class WarehouseIn(serializers.Serializer[Any]):
    """Reservations draw on the lowest ``priority`` first."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=80)
    priority = serializers.IntegerField(min_value=0, max_value=32_767, default=100)


class ShelfOut(serializers.Serializer[Any]):
    """Stock of one SKU in one warehouse."""

    warehouse = serializers.CharField()
    on_hand = serializers.IntegerField()
    reserved = serializers.IntegerField()


class StockOut(serializers.Serializer[Any]):
    """What can be bought of a SKU; the rest is for staff."""

    sku = serializers.CharField()
    available = serializers.IntegerField()
    reorder_point = serializers.IntegerField(required=False)
    warehouses = ShelfOut(many=True, required=False)


class ReceiptIn(serializers.Serializer[Any]):
    """A delivery of a supplier; ``reference`` names its delivery note."""

    sku = SkuIn()
    warehouse = serializers.CharField(max_length=40)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)
    reference = serializers.CharField(max_length=200)


class ReceiptOut(ReceiptIn):
    """A booked receipt."""

    id = serializers.IntegerField()
    received_at = serializers.DateTimeField()


class AdjustmentIn(serializers.Serializer[Any]):
    """A correction of what is on hand: a write-off goes down, a restock up, an adjustment either way."""

    kind = serializers.ChoiceField(
        [MovementKind.ADJUSTMENT.value, MovementKind.WRITE_OFF.value, MovementKind.RESTOCK.value],
        default=MovementKind.ADJUSTMENT.value,
    )
    sku = SkuIn()
    warehouse = serializers.CharField(max_length=40)
    delta = serializers.IntegerField(min_value=-MAX_UNITS, max_value=MAX_UNITS)
    reason = serializers.CharField(max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        kind = MovementKind(attrs["kind"])
        if not kind.allows(attrs["delta"]):
            raise serializers.ValidationError({"delta": [f"Not a change that is a {kind.value}."]})
        return attrs | {"kind": kind}


class AdjustmentOut(AdjustmentIn):
    """A booked correction."""

    id = serializers.IntegerField()
    adjusted_at = serializers.DateTimeField()


class Warehouses(GenericAPIView[Warehouse]):
    """The warehouses, in the order in which reservations draw on them."""

    permission_classes = [May("inventory.add_warehouse", reading="inventory.view_warehouse")]
    serializer_class = WarehouseIn
    pagination_class = ByPriority

    def get_queryset(self) -> QuerySet[Warehouse]:
        return Warehouse.objects.all()

    @extend_schema(responses=WarehouseIn(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([_warehouse(row) for row in page])

    @extend_schema(parameters=[_optional_key], responses={201: WarehouseIn, 409: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        body = WarehouseIn(data=request.data)
        body.is_valid(raise_exception=True)
        command = partial(services.open_warehouse, **body.validated_data)
        try:
            return keys.perform(
                request, command, lambda made: Response(_warehouse(made), 201), find=partial(_find, Warehouse.objects)
            )
        except services.WarehouseExists as exc:
            raise Problem(409, "warehouse-exists") from exc


class StockList(GenericAPIView[Item]):
    """All stock, by SKU and warehouse."""

    permission_classes = [May("inventory.view_stock")]
    serializer_class = StockOut
    pagination_class = BySku

    def get_queryset(self) -> QuerySet[Item]:
        items: QuerySet[Item] = Item.objects.with_warehouses()
        return items

    @extend_schema(responses=StockOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([_item(row) for row in page])


class StockDetail(GenericAPIView[Item]):
    """How many units of a SKU can be bought; staff also see the warehouses."""

    permission_classes = [AllowAny]
    serializer_class = StockOut
    pagination_class = None

    def get_queryset(self) -> QuerySet[Item]:
        return Item.objects.all()

    @extend_schema(responses=StockOut)
    def get(self, request: Request, sku: str) -> Response:
        staff = request.user.is_authenticated and request.user.has_perm("inventory.view_stock")
        items = Item.objects.with_warehouses() if staff else Item.objects
        item = items.filter(pk=sku).first()
        if item is None:
            raise Http404
        return Response(_item(item) if staff else {"sku": item.pk, "available": item.available})


class _Movements(GenericAPIView[Movement]):
    """What staff moved, newest first, and the form to move more."""

    pagination_class = Newest
    kinds: tuple[MovementKind, ...]

    def get_queryset(self) -> QuerySet[Movement]:
        movements: QuerySet[Movement] = Movement.objects.of_kinds(*self.kinds)
        return movements

    def show(self, movement: Movement) -> dict[str, Any]:
        raise NotImplementedError

    def created(self, movement: Movement) -> Response:
        return Response(self.show(movement), 201)

    def listed(self) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        return self.get_paginated_response([self.show(row) for row in page])


class Receipts(_Movements):
    """Deliveries of suppliers. The first receipt of a SKU makes it known to inventory."""

    permission_classes = [May("inventory.receive_stock", reading="inventory.view_movement")]
    serializer_class = ReceiptIn
    kinds = (MovementKind.RECEIPT,)

    @extend_schema(responses=ReceiptOut(many=True))
    def get(self, request: Request) -> Response:
        return self.listed()

    @extend_schema(parameters=[_required_key], responses={201: ReceiptOut})
    def post(self, request: Request) -> Response:
        body = ReceiptIn(data=request.data)
        body.is_valid(raise_exception=True)
        command = partial(services.receive, **body.validated_data, actor=str(request.user.pk))
        find = partial(_find, self.get_queryset())
        try:
            return keys.perform(request, command, self.created, find=find, required=True)
        except services.UnknownWarehouse as exc:
            raise _unknown_warehouse() from exc

    def show(self, movement: Movement) -> dict[str, Any]:
        return {
            "id": movement.pk,
            "sku": movement.stock.item_id,
            "warehouse": movement.stock.warehouse_id,
            "quantity": movement.on_hand,
            "reference": movement.reference,
            "received_at": movement.created_at,
        }


class Adjustments(_Movements):
    """Corrections of what is on hand: counts, write-offs, and what came back."""

    permission_classes = [May("inventory.adjust_stock", reading="inventory.view_movement")]
    serializer_class = AdjustmentIn
    kinds = (MovementKind.ADJUSTMENT, MovementKind.WRITE_OFF, MovementKind.RESTOCK)

    @extend_schema(responses=AdjustmentOut(many=True))
    def get(self, request: Request) -> Response:
        return self.listed()

    @extend_schema(parameters=[_optional_key], responses={201: AdjustmentOut, 409: OpenApiTypes.OBJECT})
    def post(self, request: Request) -> Response:
        body = AdjustmentIn(data=request.data)
        body.is_valid(raise_exception=True)
        command = partial(services.adjust, **body.validated_data, actor=str(request.user.pk))
        find = partial(_find, self.get_queryset())
        try:
            return keys.perform(request, command, self.created, find=find)
        except services.UnknownWarehouse as exc:
            raise _unknown_warehouse() from exc
        except services.UnitsReserved as exc:
            raise Problem(409, "units-reserved", f"Only {exc.free} units are free.", free=exc.free) from exc

    def show(self, movement: Movement) -> dict[str, Any]:
        return {
            "id": movement.pk,
            "kind": movement.kind,
            "sku": movement.stock.item_id,
            "warehouse": movement.stock.warehouse_id,
            "delta": movement.on_hand,
            "reason": movement.reference,
            "adjusted_at": movement.created_at,
        }


def _find(rows: Any, pk: str) -> Any:
    return rows.get(pk=pk)


def _unknown_warehouse() -> Problem:
    return Problem(400, "invalid", "The request has invalid fields.", errors={"warehouse": ["No such warehouse."]})


def _warehouse(row: Warehouse) -> dict[str, Any]:
    return {"code": row.code, "name": row.name, "priority": row.priority}


def _item(item: Item) -> dict[str, Any]:
    shelves = [_shelf(stock) for stock in item.stocks.all()]
    return {
        "sku": item.sku,
        "available": item.available,
        "reorder_point": item.reorder_point,
        "warehouses": shelves,
    }


def _shelf(stock: Stock) -> dict[str, Any]:
    return {"warehouse": stock.warehouse_id, "on_hand": stock.on_hand, "reserved": stock.reserved}
