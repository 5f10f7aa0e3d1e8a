"""Inventory over HTTP, as customers and staff see it."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.inventory.conftest import available, broken, receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)

RECEIPT = {"sku": "LAMP", "warehouse": "main", "quantity": 5, "reference": "note 1"}


def _post(client: Client, path: str, body: Any, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/inventory/{path}", body, content_type="application/json", headers=headers)


def test_everyone_sees_what_can_be_bought(client: Client, staff: Client) -> None:
    """Customers the number, staff the warehouses too."""
    receive("LAMP", 5)
    receive("LAMP", 2, "north")
    reserve({"LAMP": 1})
    assert client.get("/inventory/stock/LAMP").json() == {"sku": "LAMP", "available": 6}
    shelves = [
        {"warehouse": "main", "on_hand": 5, "reserved": 1},
        {"warehouse": "north", "on_hand": 2, "reserved": 0},
    ]
    shown = {"sku": "LAMP", "available": 6, "reorder_point": 5, "warehouses": shelves}
    assert staff.get("/inventory/stock/LAMP").json() == shown
    assert staff.get("/inventory/stock").json() == {"next": None, "previous": None, "results": [shown]}


def test_an_unknown_sku_is_404(client: Client) -> None:
    """As a problem, whatever the path holds."""
    for sku in ("NONE", "x" * 500, "%F0%9F%92%A9"):
        answer = client.get(f"/inventory/stock/{sku}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_receipt_makes_stock(staff: Client) -> None:
    """The first one of a SKU makes it known; the list shows it."""
    answer = _post(staff, "receipts", RECEIPT, "k1")
    made = answer.json()
    assert answer.status_code == 201
    assert {name: made[name] for name in RECEIPT} == RECEIPT
    assert available("LAMP") == 5
    assert staff.get("/inventory/receipts").json()["results"] == [made]


def test_a_receipt_is_booked_once_for_its_key(staff: Client) -> None:
    """A repeat replays; another body under the key is refused; without a key nothing is booked."""
    first = _post(staff, "receipts", RECEIPT, "k1")
    again = _post(staff, "receipts", RECEIPT, "k1")
    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")
    assert _post(staff, "receipts", RECEIPT | {"quantity": 6}, "k1").status_code == 422
    assert _post(staff, "receipts", RECEIPT).status_code == 400
    assert available("LAMP") == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 0),
        ("quantity", 10**30),
        ("quantity", "many"),
        ("sku", "A/B"),
        ("sku", ""),
        ("sku", "x" * 65),
        ("warehouse", "nowhere"),
        ("warehouse", "a\x00b"),
        ("reference", ""),
        ("reference", None),
    ],
)
def test_a_bad_receipt_is_400_by_field(staff: Client, field: str, value: object) -> None:
    """And books nothing."""
    answer = _post(staff, "receipts", RECEIPT | {field: value}, str(uuid4()))
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_adjustments_go_both_ways(staff: Client) -> None:
    """Counted more, counted less, written off, restocked: the books agree."""
    receive("LAMP", 5)
    for kind, delta in (("adjustment", 2), ("adjustment", -1), ("write-off", -3), ("restock", 1)):
        body = {"sku": "LAMP", "warehouse": "main", "kind": kind, "delta": delta, "reason": "count"}
        assert _post(staff, "adjustments", body).status_code == 201
    assert available("LAMP") == 4
    assert [row["delta"] for row in staff.get("/inventory/adjustments").json()["results"]] == [1, -3, -1, 2]
    assert broken() == set()


def test_an_adjustment_never_takes_what_is_promised(staff: Client) -> None:
    """409 with the number of units that may go."""
    receive("LAMP", 5)
    reserve({"LAMP": 3})
    answer = _post(staff, "adjustments", {"sku": "LAMP", "warehouse": "main", "delta": -3, "reason": "count"})
    assert (answer.status_code, answer.json()["free"]) == (409, 2)
    assert available("LAMP") == 2


@pytest.mark.parametrize(("kind", "delta"), [("adjustment", 0), ("write-off", 1), ("restock", -1), ("receipt", 1)])
def test_a_kind_allows_its_signs_only(staff: Client, kind: str, delta: int) -> None:
    """A write-off goes down, a restock up; a receipt is no adjustment."""
    body = {"sku": "LAMP", "warehouse": "main", "kind": kind, "delta": delta, "reason": "count"}
    assert _post(staff, "adjustments", body).status_code == 400


def test_warehouses_are_opened_once(staff: Client) -> None:
    """A code is one warehouse."""
    body = {"code": "south", "name": "South", "priority": 50}
    assert _post(staff, "warehouses", body).json() == body
    assert _post(staff, "warehouses", body).status_code == 409
    assert [row["code"] for row in staff.get("/inventory/warehouses").json()["results"]] == ["south", "main", "north"]


@pytest.mark.parametrize("path", ["stock", "warehouses", "receipts", "adjustments"])
def test_the_rest_is_for_staff(client: Client, path: str) -> None:
    """Strangers are told so, and learn nothing."""
    assert client.get(f"/inventory/{path}").status_code == 401
    assert _post(client, path, {}, "k").status_code in {401, 405}


@pytest.mark.parametrize("path", ["", "stock", "stock/LAMP", "warehouses", "receipts", "adjustments"])
def test_every_resource_is_a_page_too(staff: Client, path: str) -> None:
    """DRF's browsable API renders each, forms included."""
    receive("LAMP", 5)
    page: HttpResponse = staff.get(f"/inventory/{path}", headers={"Accept": "text/html"})
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    if path in {"warehouses", "receipts", "adjustments"}:
        assert b'name="idempotency_key"' in page.content or b"<form" in page.content


def test_lists_cost_the_same_for_1_and_50_rows(staff: Client) -> None:
    """A page is a constant number of statements."""
    counts = []
    for number in (1, 50):
        for index in range(number):
            receive(f"S{index}", 1)
        for path in ("stock", "receipts", "adjustments", "warehouses"):
            with CaptureQueriesContext(connection) as statements:
                assert staff.get(f"/inventory/{path}?limit=100").status_code == 200
            counts.append(len(statements))
    assert counts[:4] == counts[4:]
