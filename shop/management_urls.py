"""URLs of the management port: for the platform, never routed from outside."""

from django.urls import path
from django_prometheus.exports import ExportToDjangoView

from shop import health

urlpatterns = [
    path("health", health.health),
    path("ready", health.ready),
    path("metrics", ExportToDjangoView),
]
