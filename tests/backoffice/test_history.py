"""The History of a page: who changed what, before and after."""

import pytest
from django.urls import reverse

from apps.inventory.models import Warehouse
from tests.backoffice.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_by_staff_is_told(signed_in: SignIn) -> None:
    """With the address of who made it; a row that nobody touched says so."""
    Warehouse.objects.create(code="attic", name="Attic", priority=5)
    client = signed_in("warehouse")
    page = reverse("admin:inventory_warehouse_change", args=["attic"])
    assert client.post(page, {"name": "Loft", "priority": "6"}).status_code == 302
    told = client.get(reverse("admin:inventory_warehouse_history", args=["attic"])).text
    assert all(text in told for text in ("<del>Attic</del> → Loft", "<del>5</del> → 6", "@example.com"))


def test_a_save_that_is_refused_is_a_form_error(signed_in: SignIn) -> None:
    """In the service's words, and nothing is written."""
    Warehouse.objects.create(code="attic", name="Attic", priority=5)
    form = {"code": "attic", "name": "Another", "priority": "1"}
    page = signed_in("warehouse").post(reverse("admin:inventory_warehouse_add"), form)
    assert (page.status_code, "already" in page.text) == (200, True)
    assert Warehouse.objects.get(code="attic").name == "Attic"
