"""``/cart`` and below."""

from django.urls import URLPattern, path

from apps.cart import api, internal_api

root = api.CartRoot.as_view()
urlpatterns: list[URLPattern] = [
    path("items", api.Items.as_view(), name="items"),
    path("items/<str:sku>", api.Item.as_view(), name="item"),
    path("merge", api.Merge.as_view(), name="merge"),
    path("internal/contents", internal_api.ContentsView.as_view(), name="contents"),
]
