from django.urls import URLPattern

from shop.api import ApiRoot

root = ApiRoot.as_view()
urlpatterns: list[URLPattern] = []
