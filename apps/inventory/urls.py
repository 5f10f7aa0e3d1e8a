from django.urls import URLPattern, path

from apps.inventory import api, internal_api
from shop.api import ApiRoot

root = ApiRoot.as_view(
    links={
        "stock": "inventory:stock",
        "warehouses": "inventory:warehouses",
        "receipts": "inventory:receipts",
        "adjustments": "inventory:adjustments",
    }
)
_reservation = "internal/reservations/<uuid:reservation_id>"
urlpatterns: list[URLPattern] = [
    path("stock", api.StockList.as_view(), name="stock"),
    path("stock/<str:sku>", api.StockDetail.as_view(), name="stock-of-sku"),
    path("warehouses", api.Warehouses.as_view(), name="warehouses"),
    path("receipts", api.Receipts.as_view(), name="receipts"),
    path("adjustments", api.Adjustments.as_view(), name="adjustments"),
    path("internal/availability", internal_api.Availability.as_view()),
    path("internal/opening-stock", internal_api.OpeningStock.as_view()),
    path("internal/reservations", internal_api.Reservations.as_view()),
    path(f"{_reservation}/secure", internal_api.Secure.as_view()),
    path(f"{_reservation}/commit", internal_api.Commit.as_view()),
    path(f"{_reservation}/release", internal_api.Release.as_view()),
]
