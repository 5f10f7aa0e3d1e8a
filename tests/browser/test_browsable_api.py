"""The browsable API: somebody without a program buys something, with forms."""

import json
import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from shop.roles import ROLES
from tests.browser.visitor import Visitor
from tests.shop_api.client import ADDRESS, PASSWORD, Shop

POST = "section[aria-labelledby=send-post]"


def _fill(page: Page, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        page.locator(f"{POST} input[name='{name}']").fill(value)


def _post(visitor: Visitor) -> dict[str, object]:
    """Send the form, look at the answer, and return it."""
    visitor.page.locator(f"{POST} details").filter(has_text="As a form").get_by_role("button", name="POST").click()
    expect(visitor.page.locator(".status")).to_have_text(re.compile("^201 "))
    visitor.look()
    body: dict[str, object] = json.loads(visitor.page.get_by_role("region", name="Body").inner_text())
    return body


def test_a_customer_buys_with_forms(visitor: Visitor, shop: Shop) -> None:
    """Register, log in, cart, quote, order: each by its form; the order is confirmed."""
    sku, email = shop.product(on_hand=3), f"{uuid4().hex[:12]}@example.com"
    page = visitor.open("/user/register", status=405)
    _fill(page, {"email": email, "password": PASSWORD, "name": "Ada"})
    _post(visitor)
    visitor.log_in(email, PASSWORD)
    page = visitor.open("/cart/items", status=405)
    _fill(page, {"sku": sku, "quantity": "2"})
    _post(visitor)
    page = visitor.open("/order/quotes", status=405)
    _fill(
        page, {f"shipping_address.{name}": value for name, value in ADDRESS.items()} | {"shipping_method": "standard"}
    )
    quote = _post(visitor)
    page = visitor.open("/order/orders")
    _fill(page, {"quote": str(quote["id"]), "payment.token": "tok_always_ok"})
    order = _post(visitor)
    assert order["status"] == "confirmed"
    page = visitor.open(f"/order/orders/{order['number']}")
    expect(page.get_by_role("region", name="Body")).to_contain_text(sku)


def test_a_wrong_form_is_refused_with_its_reason(visitor: Visitor) -> None:
    """400 and the field's name, on a page, not a blank."""
    visitor.foreseen.append("400")
    page = visitor.open("/user/register", status=405)
    _fill(page, {"email": "nonsense", "password": PASSWORD, "name": "Ada"})
    page.locator(POST).get_by_role("button", name="POST").first.click()
    expect(page.locator(".status")).to_have_text(re.compile("^400 "))
    expect(page.get_by_role("region", name="Body")).to_contain_text("email")
    visitor.look()


def test_staff_change_a_product_as_json(visitor: Visitor, shop: Shop, staff: tuple[str, str]) -> None:
    """What HTML forms cannot send, PATCH and lists, goes as JSON, with CSRF, and shows the answer in place."""
    sku = shop.product(price="10.00")
    visitor.log_in(*staff)
    page = visitor.open(f"/product/products/{sku}")
    patch = page.locator("section[aria-labelledby=send-patch]")
    patch.locator("textarea").fill(json.dumps({"name": "Renamed in a browser"}))
    patch.get_by_role("button", name="PATCH").click()
    expect(page.get_by_role("region", name="Body")).to_contain_text("Renamed in a browser")
    assert shop.anyone.get(f"/product/products/{sku}").body["name"] == "Renamed in a browser"
    visitor.look()


def test_every_role_has_a_page(visitor: Visitor) -> None:
    """And its lists lead on, page by page."""
    for role in ROLES:
        visitor.open(f"/{role}")
    page = visitor.open("/product/products?limit=2")
    first = page.get_by_role("region", name="Body").inner_text()
    page.get_by_role("region", name="Body").get_by_role("link", name=re.compile("cursor=")).first.click()
    expect(page.get_by_role("region", name="Body")).not_to_have_text(first)


@pytest.mark.parametrize("visitor", [(390, 844)], indirect=True, ids=["phone"])
def test_a_page_fits_a_phone(visitor: Visitor) -> None:
    """Nothing is wider than the screen."""
    page = visitor.open("/product/products?limit=2")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
