"""URLs below ``/payment``."""

from django.urls import URLPattern, path

from apps.payment import api, internal_api

root = api.Root.as_view()
urlpatterns: list[URLPattern] = [
    path("payments", api.PaymentList.as_view(), name="payments"),
    path("payments/<uuid:payment_id>", api.PaymentDetail.as_view(), name="payment"),
    path("internal/payments", internal_api.Authorisations.as_view()),
    path("internal/payments/<uuid:payment_id>/capture", internal_api.Captures.as_view()),
    path("internal/payments/<uuid:payment_id>/void", internal_api.Voids.as_view()),
    path("internal/refunds", internal_api.Refunds.as_view()),
]
