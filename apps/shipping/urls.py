"""URLs of shipping."""

from django.urls import URLPattern, path

from apps.shipping import api, internal_api
from shop.api import ApiRoot

root = ApiRoot.as_view(links={"methods": "shipping:methods"})
urlpatterns: list[URLPattern] = [
    path("methods", api.Methods.as_view(), name="methods"),
    path("shipments/<str:tracking_number>", api.Tracking.as_view(), name="tracking"),
    path("internal/rate", internal_api.Rate.as_view()),
    path("internal/shipments", internal_api.Bookings.as_view()),
    path("internal/shipments/<uuid:shipment_id>/cancel", internal_api.Cancel.as_view()),
    path("internal/shipments/<uuid:shipment_id>/hand_over", internal_api.HandOver.as_view()),
]
