"""URLs of the roles this process serves: each role's under its own prefix, the same everywhere."""

from importlib import import_module
from typing import Any, cast

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

from shop import health, start_page
from shop.audit.api import Facts, Pending, Rules
from shop.backoffice.site import Site, urls_of
from shop.env import env
from shop.events.api import Events
from shop.identity import sign_on
from shop.roles import KEYS, ROLES

handler400 = "shop.problems.bad_request"
handler403 = "shop.problems.forbidden"
handler404 = "shop.problems.not_found"
handler500 = "shop.problems.server_error"


def _role_urls(role: str) -> list[URLPattern | URLResolver]:
    """A role's own URLs, and those every role has."""
    module: Any = import_module(f"{ROLES[role].app}.urls")
    own = [path(role, module.root), path(f"{role}/", include((module.urlpatterns, role)))]
    return [
        *own,
        path(f"{role}/internal/events", Events.as_view()),
        path(f"{role}/internal/audit/rules", Rules.as_view()),
        path(f"{role}/internal/audit/facts/<slug:name>", Facts.as_view()),
        path(f"{role}/internal/audit/pending", Pending.as_view()),
        path(f"{role}/openapi.json", SpectacularJSONAPIView.as_view(patterns=own), name=f"{role}-openapi"),
        path(f"{role}/docs", SpectacularSwaggerView.as_view(url=f"/{role}/openapi.json"), name=f"{role}-docs"),
        *_admin_urls(role),
    ]


def _admin_urls(role: str) -> list[URLPattern | URLResolver]:
    """A role's admin; in one process only what the pages of others show of it, beside the one admin."""
    if env.role:
        own = [] if role == KEYS else _sign_on_urls(role)
        return [*own, path(f"{role}/admin/", admin.site.urls)]
    shown = (urls_of(role, cast(Site, admin.site)), f"{role}-admin")
    return [path(f"{role}/admin/", include(shown)), path(f"{role}/admin/", RedirectView.as_view(url="/admin/"))]


def _sign_on_urls(role: str) -> list[URLPattern | URLResolver]:
    """Instead of a login form: only user has passwords."""
    return [
        path(f"{role}/admin/login", sign_on.start),
        path(f"{role}/admin/login/", sign_on.start),
        path(f"{role}/admin/logout/", sign_on.sign_out),
        path(f"{role}/admin/sign-on", sign_on.SignOn.as_view()),
    ]


urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health),
    path("ready", health.ready),
]
for _role in env.serves:
    if _role in ROLES:
        urlpatterns += _role_urls(_role)
if env.role is None:
    urlpatterns += [path("admin/", admin.site.urls), path("", start_page.StartPage.as_view())]
