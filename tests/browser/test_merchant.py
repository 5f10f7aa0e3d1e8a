"""A merchant's morning in the admin, page by page. Each page is looked at as every page is."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.shop_api.client import Shop

PHONE = (390, 844)
Staff = tuple[str, str]


@pytest.fixture
def at_the_desk(visitor: Visitor, staff: Staff) -> Visitor:
    """Signed in as the administrator, on the admin's first page."""
    visitor.log_in(*staff, at="/admin/login/?next=/admin/")
    visitor.look()
    return visitor


def test_a_delivery_is_received_and_an_order_refunded(at_the_desk: Visitor, shop: Shop) -> None:
    """The units count at once; one unit of two is given back, after a second look at the amount."""
    sku = shop.product(price="10.00", on_hand=2)
    page = at_the_desk.open("/admin/inventory/movement/receive")
    page.get_by_label(re.compile("^Scan or type")).fill(sku)
    page.keyboard.press("Enter")
    page.locator("input[name=units]").fill("5")
    page.get_by_label(re.compile("Reference|note", re.IGNORECASE)).fill("delivery note 7")
    page.locator("[data-send]").click()
    expect(page.get_by_text("Booked: 1 SKU, +5 units.")).to_be_visible()
    assert shop.available(sku) == 7

    number = shop.buy(shop.anyone, sku, quantity=2).body["number"]
    shop.wait_for_state(number, "delivered")
    page = at_the_desk.open(f"/admin/find?q={number}")
    page.locator("main, #main").get_by_role("link", name=re.compile(number)).first.click()
    expect(page.get_by_text("Delivered").first).to_be_visible()
    at_the_desk.look()
    page.locator("#refund input[type=number]").first.fill("1")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name=re.compile(r"Give back .*10\.00"))).to_be_visible()
    at_the_desk.look()
    page.get_by_role("button", name=re.compile("^Refund")).click()
    expect(page.get_by_text(re.compile("Refunded|succeeded")).first).to_be_visible()
    assert Decimal(shop.order(number)["refunded"]["amount"]) == Decimal("10.00")


@pytest.mark.parametrize("visitor", [PHONE], indirect=True, ids=["phone"])
def test_the_lists_can_be_used_on_a_phone(at_the_desk: Visitor) -> None:
    """The first page and the lists of a morning; no page is wider than the screen."""
    for path in ("/admin/", "/admin/order/order/", "/admin/product/product/", "/admin/inventory/stock/"):
        page = at_the_desk.open(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
