"""Inventory in the admin."""

from uuid import UUID, uuid4

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


def lines(units: dict[str, object], *, batch: UUID | None = None, **changed: str) -> dict[str, object]:
    """The form of the page that receives or adjusts."""
    sent = {"batch": str(batch or uuid4()), "warehouse": "main", "reference": "note 7"}
    return {**sent, "sku": list(units), "units": [str(each) for each in units.values()], **changed}


def test_a_delivery_is_received_once(admin: Client) -> None:
    """Many SKUs of one note, the same SKU added up; sent twice it is booked once."""
    page = reverse("admin:inventory_receive")
    assert admin.get(page, {"sku": "LAMP"}).text.count('value="LAMP"') == 1
    form = lines({}, sku=["LAMP", "CHAIR", "LAMP", ""], units=["2", "4", "1", "1"])
    for _ in range(2):
        assert admin.post(page, form).status_code == 302
    assert (available("LAMP"), available("CHAIR")) == (3, 4)
    assert set(Movement.objects.values_list("reference", flat=True)) == {"note 7"}


def test_what_is_wrong_in_a_delivery_stays_on_the_page(admin: Client) -> None:
    """The other lines are booked, and not again when the rest is sent with the same batch."""
    page, batch = reverse("admin:inventory_receive"), uuid4()
    wrong = {"no sku!": "1", "LAMP": "2", "CHAIR": "many", "BENCH": "-1", "TABLE": "99999999999999999999"}
    shown = admin.post(page, lines(wrong, batch=batch)).text
    assert all(text in shown for text in ("Not a SKU", "Not a whole number", "Between 1 and", "Booked: 1 SKU"))
    assert 'value="LAMP"' not in shown
    admin.post(page, lines({"LAMP": "2", "CHAIR": "3"}, batch=batch))
    assert (available("LAMP"), available("CHAIR")) == (2, 3)
    assert "another quantity" in admin.post(page, lines({"LAMP": "5"}, batch=batch)).text
    for missing in ({"warehouse": "nowhere"}, {"reference": ""}, {"batch": "x"}, {"sku": [], "units": []}):
        assert admin.post(page, lines({"LAMP": "5"}) | missing).status_code == 200
    assert available("LAMP") == 2


def test_adjustments_are_booked(admin: Client) -> None:
    """By the service, with what it refuses shown beside the line."""
    receive("LAMP", 5)
    page = reverse("admin:inventory_adjust")
    assert admin.post(page, lines({"LAMP": "-2"}, kind="write-off")).status_code == 302
    for units, said in (("2", "Not a change that is a write-off"), ("-9", "Only 3 units are free")):
        assert said in admin.post(page, lines({"LAMP": units}, kind="write-off")).text
    assert available("LAMP") == 3


def test_the_stock_panel_and_the_finder(admin: Client) -> None:
    """What the product's page shows of stock; a SKU is found by its beginning."""
    receive("LAMP-1", 3)
    receive("LAMP-1", 2, "north")
    panel = admin.get("/inventory/admin/panels/stock/LAMP-1")
    assert panel.headers["X-Panel"] == "1"
    assert all(text in panel.text for text in ("north", "<strong>5</strong> available", "receive?sku=LAMP-1"))
    assert "never in stock" in admin.get("/inventory/admin/panels/stock/NONE").text
    assert "LAMP-1" in admin.get("/inventory/admin/hits", {"q": "LAM"}).text


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
