"""URLs of notification."""

from django.urls import URLPattern, path

from apps.notification import api
from shop.api import ApiRoot

root = ApiRoot.as_view(links={"messages": "notification:messages", "mailbox": "notification:mailbox"})
urlpatterns: list[URLPattern] = [
    path("messages", api.Messages.as_view(), name="messages"),
    path("mailbox", api.Mailbox.as_view(), name="mailbox"),
]
