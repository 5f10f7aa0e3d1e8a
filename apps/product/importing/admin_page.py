"""The import page of the admin: bring a file in, see what it would change, apply it.

``ProductAdmin.get_urls`` includes ``urls(self.admin_site)``.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.files.base import File
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.csrf import csrf_protect

from apps.product.importing import runs
from apps.product.importing.models import Import
from apps.product.importing.problems import SHOWN
from apps.product.importing.services import SAMPLES
from shop.env import env

PERMISSION = "product.import_product"
_RECENT = 20

View = Callable[..., HttpResponse]


class UploadForm(forms.Form):
    """A file and the currency of its prices, for which the format has no column."""

    file = forms.FileField(label="Product file (CSV)", widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
    currency = forms.CharField(
        max_length=3, validators=[RegexValidator(r"^[A-Z]{3}\Z", "Three capital letters, like EUR.")]
    )

    def clean_file(self) -> "File[bytes]":
        """Not larger than an import may be."""
        file: File[bytes] = self.cleaned_data["file"]
        if file.size > runs.MOST_BYTES:
            raise forms.ValidationError(f"At most {runs.MOST_BYTES // 1024**2} MB.")
        return file


def urls(site: AdminSite) -> list[URLPattern]:
    """``import`` and ``import/<id>``, below the product list."""
    return [
        path("import", site.admin_view(_guarded(site, _begin)), name="product_import"),
        path("import/<uuid:import_id>", site.admin_view(_guarded(site, _one)), name="product_import_one"),
        path("import/<uuid:import_id>/state", site.admin_view(_guarded(site, _state)), name="product_import_state"),
    ]


def _guarded(site: AdminSite, view: View) -> View:
    @csrf_protect
    def guarded(request: HttpRequest, **found: Any) -> HttpResponse:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        return view(site, request, **found)

    return guarded


def _begin(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """Choose a file; those of the last days below."""
    form = UploadForm(request.POST or None, request.FILES or None, initial={"currency": env.currency})
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        account = str(request.user.pk)
        made = runs.upload(file=file, name=file.name, currency=form.cleaned_data["currency"], account=account)
        return HttpResponseRedirect(reverse("admin:product_import_one", args=[made.pk]))
    shown = {"title": "Import products", "form": form, "recent": Import.objects.all()[:_RECENT]}
    return TemplateResponse(request, "product/import_begin.html", {**site.each_context(request), **shown})


def _one(site: AdminSite, request: HttpRequest, *, import_id: object) -> HttpResponse:
    """What a file would change, or has changed; the button that applies it."""
    found = _found(import_id)
    if request.method == "POST":
        if not runs.confirm(import_id=import_id, account=str(request.user.pk)):
            messages.info(request, "Somebody has applied this file already: nothing more was changed.")
        return HttpResponseRedirect(request.path)
    shown = {"title": f"Import {found.name}", **_context(found)}
    return TemplateResponse(request, "product/import_one.html", {**site.each_context(request), **shown})


def _state(site: AdminSite, request: HttpRequest, *, import_id: object) -> HttpResponse:
    """The part of the page that changes while a job is at the file."""
    return TemplateResponse(request, "product/import_state.html", _context(_found(import_id)))


def _found(import_id: object) -> Import:
    found: Import | None = Import.objects.filter(pk=import_id).first()
    if found is None:
        raise Http404
    return found


def _context(found: Import) -> dict[str, Any]:
    return {
        "run": found,
        "percent": 100 * found.done // found.rows if found.rows else 0,
        "more_problems": max(found.problem_total - len(found.problems), 0),
        "more_created": max(found.created - len(found.preview.get("created", [])), 0),
        "more_changed": max(found.changed - len(found.preview.get("changed", [])), 0),
        "samples": SAMPLES,
        "problems_shown": SHOWN,
    }
