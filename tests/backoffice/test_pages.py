"""Every admin class is a window, or saves through a service."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.test import RequestFactory

from shop.backoffice.pages import Page, ReadOnly
from shop.identity.models import Account

PAGES = {model._meta.label: page for model, page in admin.site._registry.items()}


def as_administrator() -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = Account(email="root@example.com", is_staff=True, is_superuser=True)  # type: ignore[assignment]
    return request


@pytest.mark.parametrize("label", sorted(PAGES))
def test_no_page_writes_around_the_services(label: str) -> None:
    """What anybody may add or change is a Page with a ``save`` of its own; what is deleted, with its ``delete``."""
    page: Any = PAGES[label]
    request = as_administrator()
    if page.has_add_permission(request) or page.has_change_permission(request):
        assert isinstance(page, Page), f"{label}: derive it from Page, and save through a service"
        assert type(page).save is not Page.save, f"{label} saves nothing"
    if page.has_delete_permission(request) and not isinstance(page, Page):
        assert type(page).delete_model is not admin.ModelAdmin.delete_model
    assert not page.list_editable, f"{label}: the list saves past the page"
    for inline in page.get_inline_instances(request):
        assert isinstance(page, Page) or isinstance(inline, ReadOnly), label


@pytest.mark.parametrize("label", sorted(PAGES))
def test_no_list_counts(label: str) -> None:
    """No list counts its rows, offers a sort without an index, or counts for its filters."""
    page: Any = PAGES[label]
    assert not page.show_full_result_count
    assert page.show_facets == admin.ShowFacets.NEVER
    assert page.sortable_by is not None


def test_every_model_of_the_project_has_a_page() -> None:
    """So that a person can look at whatever there is; what is nobody's business is named here."""
    hidden = {"events.Received"}
    own = {m._meta.label for m in apps.get_models() if m.__module__.startswith(("apps.", "shop."))}
    assert own - set(PAGES) <= hidden
