"""The admin's one site: its first page, its menu, and the views that serve panels and the search box."""

from typing import TYPE_CHECKING, Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from shop.backoffice import cards, finders, menu, panels
from shop.env import env

if TYPE_CHECKING:  # unfold is untyped, and its site is one
    from django.contrib.admin import AdminSite as UnfoldAdminSite
else:
    from unfold.sites import UnfoldAdminSite

LONGEST_TEXT = 100  # characters that anyone would search for


class Site(UnfoldAdminSite):
    """In one process all roles' admin, in the split one role's."""

    index_title = "Today"

    def extra_urls(self) -> list[URLPattern]:
        """Those of the role this process serves; in one process each role has its own (``urls_of``)."""
        own = urls_of(env.role, self) if env.role else []
        return [path("find", self.admin_view(self.find), name="find"), *own]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {"cards": cards.shown_to(request), **(extra_context or {})})

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return menu.shown_to(request)

    def find(self, request: HttpRequest) -> HttpResponse:
        """What the search box found: own hits in the page, those of other roles as panels."""
        text = _text(request.GET.get("q", ""))
        own = [(role, finders.hits(request, role, text)) for role in env.serves] if text else []
        context = {
            **self.each_context(request),
            "title": "Search",
            "text": text,
            "found": [(role, hits) for role, hits in own if hits],
            "others": [role for role in menu.finding() if role not in env.serves] if text else [],
        }
        return TemplateResponse(request, "backoffice/find.html", context)

    def hits(self, request: HttpRequest, role: str) -> HttpResponse:
        """The hits of ``role`` alone, for the search page of another role."""
        found = finders.hits(request, role, _text(request.GET.get("q", "")))
        return _fragment(request, "backoffice/hits.html", {"role": role, "hits": found})

    def panel(self, request: HttpRequest, role: str, name: str, key: str) -> HttpResponse:
        """A panel's fragment; 204 where there is nothing to show, since a browser reports a 403 or 404 as an error."""
        found = panels.declared(role, name)
        if found is None or "\x00" in key:
            raise Http404
        if found.permission and not request.user.has_perm(found.permission):
            return HttpResponse(status=204, headers={"X-Panel": "refused"})
        try:
            template, context = found.show(request, key)
        except Http404:
            return HttpResponse(status=204, headers={"X-Panel": "nothing"})
        return _fragment(request, template, context)


def urls_of(role: str, site: Site) -> list[URLPattern]:
    """What each role's admin serves for the pages of others, below ``/<role>/admin/``."""
    own = {"role": role}
    return [
        path("hits", site.admin_view(site.hits), own),
        path("panels/<slug:name>/<str:key>", site.admin_view(site.panel), own),
    ]


def _fragment(request: HttpRequest, template: str, context: Any) -> HttpResponse:
    return TemplateResponse(request, template, dict(context), headers={"X-Panel": "1"})


def _text(typed: str) -> str:
    return typed.replace("\x00", "").strip()[:LONGEST_TEXT]
