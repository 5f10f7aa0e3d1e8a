"""A product file comes in at the admin: looked at, applied, and its units are for sale."""

import os
from uuid import uuid4

import pytest

from tests.shop_api.browser import Browser, Page
from tests.shop_api.client import Api, Shop, wait_for

_COLUMNS = "Handle,Title,Type,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price"


@pytest.fixture
def browser(office: Api) -> Browser:
    """In which an administrator is signed in."""
    browser = Browser(office.base_url)
    assert browser.sign_in(os.environ["SHOP_STAFF_EMAIL"], os.environ["SHOP_STAFF_PASSWORD"]).status == 200
    return browser


def _until(browser: Browser, page: Page, words: str) -> Page:
    return wait_for(lambda: browser.get(page.path), lambda shown: words in shown.text)


def test_a_product_file_is_applied_with_its_stock(shop: Shop, browser: Browser) -> None:
    """Nothing is for sale before it is applied; then its products are, with the units that it names."""
    mark = uuid4().hex[:8]
    sku = f"JUG-{mark.upper()}"
    file = f"{_COLUMNS}\njug-{mark},Jug {mark},Jugs,true,Title,Default Title,{sku},4,24.90\n"
    pages = "/admin/product/product/import"
    start = browser.visit(pages if os.environ["SHOP_TOPOLOGY"] == "one" else f"/product{pages}")
    (form,) = [form for form in start.forms if "currency" in form.fields]
    page = browser.upload(start, form, ("jugs.csv", file.encode(), "text/csv"))
    looked_at = _until(browser, page, "waits for you")
    assert f"jug-{mark}" in looked_at.text
    assert shop.anyone.get(f"/product/products/{sku}").status == 404
    (apply,) = [form for form in looked_at.forms if form.action.endswith(page.path)]
    browser.submit(looked_at, apply)
    _until(browser, page, "applied")
    assert shop.anyone.get(f"/product/products/{sku}").body["name"] == f"Jug {mark}"
    wait_for(lambda: shop.anyone.get(f"/inventory/stock/{sku}").body.get("available"), lambda units: units == 4)
