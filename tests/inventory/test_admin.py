"""Inventory in the admin."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.inventory import services
from apps.inventory.models import Item, Movement, Reservation, ReservationLine, Stock
from tests.inventory.conftest import available, receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def _list(model: str) -> str:
    return reverse(f"admin:inventory_{model}_changelist")


def test_every_model_has_its_pages(admin: Client) -> None:
    """Lists, searches and the page of one row."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 2})
    searched = {
        "warehouse": "",
        "item": "LA",
        "stock": "LAMP",
        "movement": "LAMP",
        "reservation": str(reservation),
        "reservationline": str(reservation),
    }
    for model, text in searched.items():
        assert admin.get(_list(model)).status_code == 200
        assert admin.get(_list(model), {"q": text} if text else {}).status_code == 200
    for row in (Item, Stock, Movement, Reservation, ReservationLine):
        found = row._default_manager.first()
        page = admin.get(reverse(f"admin:inventory_{row._meta.model_name}_change", args=[found.pk]))
        assert page.status_code == 200


def test_the_ledger_is_read_only(admin: Client) -> None:
    """No page adds to it, changes it or deletes from it past the services."""
    movement = receive("LAMP", 5)
    assert admin.get(reverse("admin:inventory_movement_add")).status_code == 403
    assert admin.post(reverse("admin:inventory_movement_change", args=[movement.pk]), {}).status_code == 403
    assert admin.post(reverse("admin:inventory_movement_delete", args=[movement.pk]), {}).status_code == 403


def test_receipts_and_adjustments_are_booked(admin: Client) -> None:
    """By the services, with what they refuse shown in the form."""
    receipt = {"sku": "LAMP", "warehouse": "main", "quantity": 5, "reference": "note"}
    assert admin.get(reverse("admin:inventory_receive")).status_code == 200
    assert admin.post(reverse("admin:inventory_receive"), receipt).status_code == 302
    adjustment = {"sku": "LAMP", "warehouse": "main", "kind": "write-off", "delta": -2, "reason": "broken"}
    assert admin.post(reverse("admin:inventory_adjust"), adjustment).status_code == 302
    assert available("LAMP") == 3
    for wrong, said in (
        ({"delta": 2}, "Not a change"),
        ({"delta": -9}, "Only 3 units are free"),
        ({"warehouse": "nowhere"}, "No such warehouse"),
    ):
        page = admin.post(reverse("admin:inventory_adjust"), adjustment | wrong)
        assert (page.status_code, said in page.text) == (200, True)
    assert available("LAMP") == 3


def test_staff_without_the_permission_move_nothing(staff: Client) -> None:
    """The forms ask for the permission that the pages ask for."""
    assert staff.get(reverse("admin:inventory_receive")).status_code == 403


def test_the_reorder_point_is_set_through_the_service(admin: Client) -> None:
    """So that stock which is low by it is told."""
    receive("LAMP", 9)
    page = reverse("admin:inventory_item_change", args=["LAMP"])
    management = {f"stocks-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")}
    assert admin.post(page, {"reorder_point": 20, **management}).status_code == 302
    item = Item.objects.get(pk="LAMP")
    assert (item.reorder_point, item.low_due, item.available) == (20, True, 9)


def test_reservations_are_released_by_the_action(admin: Client) -> None:
    """And one that has left the warehouse is said to have."""
    receive("LAMP", 9)
    kept, shipped = reserve({"LAMP": 2}), reserve({"LAMP": 1})
    services.secure(reservation_id=shipped)
    services.commit(reservation_id=shipped)
    chosen = {"action": "release_units", "_selected_action": [str(kept), str(shipped)]}
    page = admin.post(_list("reservation"), chosen, follow=True)
    assert f"Reservation {shipped} has left the warehouse" in page.text
    assert available("LAMP") == 8
