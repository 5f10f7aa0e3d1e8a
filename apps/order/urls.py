"""URLs of order."""

from django.urls import URLPattern, path

from apps.order import api, internal_api
from shop.api import ApiRoot

root = ApiRoot.as_view(links={"quotes": "order:quotes", "orders": "order:orders"})
urlpatterns: list[URLPattern] = [
    path("quotes", api.Quotes.as_view(), name="quotes"),
    path("quotes/<uuid:quote_id>", api.OneQuote.as_view(), name="quote"),
    path("orders", api.Orders.as_view(), name="orders"),
    path("orders/<str:number>", api.OneOrder.as_view(), name="order"),
    path("orders/<str:number>/timeline", api.Timeline.as_view(), name="timeline"),
    path("orders/<str:number>/cancel", api.Cancel.as_view(), name="cancel"),
    path("orders/<str:number>/refunds", api.Refunds.as_view(), name="refunds"),
    path("internal/purchases", internal_api.Purchases.as_view()),
]
