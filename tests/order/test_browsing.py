"""DRF's pages in a browser, and the API's own description."""

import json

import pytest

from tests.order.world import Caller, World


def test_pages_open_in_a_browser(shop: World) -> None:
    """Every resource as HTML, with its form."""
    staff, sku = shop.staff(), shop.sku(2)
    quote = staff.quote({sku: 1}).body["id"]
    number = staff.pay(quote).body["number"]
    expected = {
        "/order": 200,
        "/order/quotes": 405,
        f"/order/quotes/{quote}": 200,
        "/order/orders": 200,
        f"/order/orders/{number}": 200,
        f"/order/orders/{number}/timeline": 200,
        f"/order/orders/{number}/cancel": 405,
        f"/order/orders/{number}/refunds": 405,
    }
    for path, status in expected.items():
        page = staff.client.get(path, headers={"Accept": "text/html"})
        assert (page.status_code, b"<html" in page.content.lower()) == (status, True), path
    assert b'name="payment.token"' in staff.client.get("/order/orders", headers={"Accept": "text/html"}).content


def test_a_form_can_be_sent(shop: World) -> None:
    """Nested fields by their dotted names, the key in its hidden field."""
    staff, sku = shop.staff(), shop.sku(2)
    quote = staff.quote({sku: 1}).body["id"]
    form = {"quote": quote, "payment.token": "tok_always_ok", "idempotency_key": "from-a-form"}
    for replayed in (None, "true"):
        placed = staff.client.post("/order/orders", form, headers={"Accept": "application/json"})
        assert placed.status_code == 201, placed.content
        assert placed.headers.get("Idempotency-Replayed") == replayed


def test_the_description_names_every_path(shop: World) -> None:
    """OpenAPI 3 of this role."""
    described = json.loads(shop.guest.client.get("/order/openapi.json").content)
    assert {"/order/quotes", "/order/orders", "/order/orders/{number}/cancel"} <= set(described["paths"])


@pytest.mark.parametrize("body", [[], "x", 1, None, {"quote": 1}, {"quote": "x", "payment": []}, {"lines": "x"}])
@pytest.mark.parametrize("path", ["/order/quotes", "/order/orders"])
def test_nonsense_is_a_problem(shop: World, path: str, body: object) -> None:
    """400, whatever JSON it is."""
    who = Caller()
    answer = who.client.post(path, json.dumps(body), "application/json", headers={"Idempotency-Key": "nonsense"})
    assert answer.status_code == 400, answer.content
