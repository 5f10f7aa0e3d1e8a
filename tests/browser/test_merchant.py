"""A merchant's morning in the admin, page by page. Each page is looked at as every page is."""

import csv
import re
from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO, StringIO
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.browser.visitor import Visitor
from tests.shop_api.client import Answer, Shop, wait_for

PHONE = (390, 844)
_NAMES = (
    "Handle,Title,Body (HTML),Type,Published,Option1 Name,Option1 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price"
)
COLUMNS = _NAMES.split(",")
Staff = tuple[str, str]
Row = Mapping[str, str]


@pytest.fixture
def at_the_desk(visitor: Visitor, staff: Staff) -> Visitor:
    """Signed in as the administrator, on the admin's first page."""
    visitor.log_in(*staff, at="/admin/login/?next=/admin/")
    visitor.look()
    return visitor


@pytest.fixture
def mark() -> str:
    """Something that no other test's products are called."""
    return uuid4().hex[:8]


def _file(*rows: Row) -> FilePayload:
    """A product file in Shopify's format; the first of ``rows`` is its line 2."""
    out = StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return {"name": "autumn.csv", "mimeType": "text/csv", "buffer": out.getvalue().encode()}


def _jug(mark: str, **more: str) -> list[Row]:
    """A jug in two colours, as lines of a file."""
    jug = {"Handle": f"jug-{mark}", "Title": f"Jug {mark}", "Type": "Jugs", "Published": "true"}
    blue = {"Option1 Name": "Colour", "Option1 Value": "Blue", "Variant Inventory Qty": "4", "Variant Price": "24.90"}
    green = {"Option1 Value": "Green", "Variant Inventory Qty": "0", "Variant Price": "26.50"}
    return [jug | blue, {"Handle": jug["Handle"]} | green | more]


def _picture() -> FilePayload:
    """A PNG that is wider than the smallest thumbnail."""
    out = BytesIO()
    Image.linear_gradient("L").resize((320, 240)).save(out, "PNG")
    return {"name": "front.png", "mimeType": "image/png", "buffer": out.getvalue()}


def _choose(page: Page, file: FilePayload) -> None:
    """Bring a file in on the import page, up to what is said of it."""
    page.get_by_label("Product file").set_input_files(file)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_text(re.compile("^(waits for you|refused)$"))).to_be_visible()


def _product_page(at_the_desk: Visitor, sku: str) -> Page:
    """From the list, by SKU, to the one page of a product."""
    page = at_the_desk.open(f"/admin/product/product/?q={sku}")
    page.get_by_role("link", name=re.compile(sku)).first.click()
    expect(page.get_by_role("heading", name="Variants")).to_be_visible()
    at_the_desk.look()
    return page


def _sold(shop: Shop, sku: str) -> Answer:
    """What a customer is told of a SKU."""
    return shop.anyone.get(f"/product/products/{sku}")


def test_a_product_file_is_looked_at_and_then_applied(at_the_desk: Visitor, shop: Shop, mark: str) -> None:
    """The preview says what would be new and what would change, and nothing has; then all of it is for sale."""
    known, blue = shop.product(price="10.00"), f"JUG-{mark.upper()}-BLUE"
    lamp = {"Handle": _sold(shop, known).body["slug"], "Title": "Lamp", "Variant SKU": known, "Variant Price": "12.00"}
    page = at_the_desk.open("/admin/product/product/import")
    _choose(page, _file(*_jug(mark), lamp))
    at_the_desk.look()
    expect(page.get_by_role("row").filter(has_text=f"Jug {mark}")).to_contain_text(re.compile("24.90 . 26.50"))
    expect(page.get_by_role("row").filter(has_text=f"{known} price")).to_contain_text(re.compile(r"10\.00\s*12\.00"))
    assert _sold(shop, known).body["price"]["amount"] == "10.00"
    assert _sold(shop, blue).status == 404

    page.get_by_role("button", name="Apply all of it").click()
    expect(page.get_by_text("applied", exact=True)).to_be_visible()
    at_the_desk.look()
    assert _sold(shop, known).body["price"]["amount"] == "12.00"
    assert _sold(shop, blue).body["name"] == f"Jug {mark}"
    wait_for(lambda: _sold(shop, blue).body["available"], lambda available: available == 4)


def test_a_broken_file_names_its_cell_and_changes_nothing(at_the_desk: Visitor, shop: Shop, mark: str) -> None:
    """Line, column and what is wrong there; the good lines of the file are not applied either."""
    bowl = {
        "Handle": f"bowl-{mark}",
        "Title": "Bowl",
        "Published": "true",
        "Variant SKU": f"bowl-{mark}",
        "Variant Price": "8",
    }
    page = at_the_desk.open("/admin/product/product/import")
    _choose(page, _file(bowl, *_jug(mark, **{"Variant Price": "twelve"})))
    at_the_desk.look()
    expect(page.get_by_text("One thing is wrong with this file.")).to_be_visible()
    wrong = page.get_by_role("row").filter(has_text="twelve")
    expect(wrong.get_by_role("cell")).to_have_text(["4", "Variant Price", '"twelve" is not an amount like 19.99'])
    expect(page.get_by_role("button", name=re.compile("^Apply"))).to_have_count(0)
    assert [_sold(shop, sku).status for sku in (f"bowl-{mark}", f"JUG-{mark.upper()}-BLUE")] == [404, 404]


def test_a_product_is_fixed_on_its_one_page(at_the_desk: Visitor, shop: Shop, mark: str) -> None:
    """A name and a price: saved together, and told to customers."""
    sku = shop.product(price="10.00", on_hand=3)
    page = _product_page(at_the_desk, sku)
    page.get_by_label("Name").first.fill(f"Reading lamp {mark}")
    page.get_by_label(re.compile("^Price")).fill("14.50")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    at_the_desk.look()
    told = _sold(shop, sku).body
    assert (told["name"], told["price"]["amount"]) == (f"Reading lamp {mark}", "14.50")


def test_a_picture_is_uploaded_and_shown(at_the_desk: Visitor, shop: Shop, mark: str) -> None:
    """At once on the page, then in the list; customers get it in every size it has."""
    sku = shop.product()
    page = _product_page(at_the_desk, sku)
    page.get_by_label(re.compile("Drop pictures here")).set_input_files(_picture())
    expect(page.get_by_text("1 uploaded.")).to_be_visible()
    shown = page.get_by_role("region", name="Pictures").locator("li img")
    expect(shown).to_have_count(1)
    assert _is_drawn(shown)
    at_the_desk.look()
    page.get_by_label("Alternative text").fill(f"From the front {mark}")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert _is_drawn(at_the_desk.open(f"/admin/product/product/?q={sku}").get_by_alt_text(f"From the front {mark}"))

    [image] = _sold(shop, sku).body["images"]
    assert (image["alt"], image["width"], image["height"]) == (f"From the front {mark}", 320, 240)
    assert {each["width"] for each in image["thumbnails"]} == {160, 320}
    for each in image["thumbnails"]:
        file = shop.anyone.get(each["url"])
        assert (file.status, file.headers["Content-Type"]) == (200, f"image/{each['format']}"), each


def _is_drawn(picture: Locator) -> bool:
    """Whether an image has arrived, and is one."""
    return bool(picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0, () => false)"))


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
    expect(page.get_by_text("10.00 EUR are given back.")).to_be_visible()
    wait_for(lambda: Decimal(shop.order(number)["refunded"]["amount"]), lambda back: back == Decimal("10.00"))


@pytest.mark.parametrize("visitor", [PHONE], indirect=True, ids=["phone"])
def test_the_lists_can_be_used_on_a_phone(at_the_desk: Visitor) -> None:
    """The first page and the lists of a morning; no page is wider than the screen."""
    for path in ("/admin/", "/admin/order/order/", "/admin/product/product/", "/admin/inventory/stock/"):
        page = at_the_desk.open(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("visitor", [PHONE], indirect=True, ids=["phone"])
def test_a_morning_can_be_worked_on_a_phone(at_the_desk: Visitor, shop: Shop, mark: str) -> None:
    """Each page of it: nothing is wider than the screen, and a thumb reaches what it is for."""
    sku = shop.product(price="10.00", on_hand=2)
    number = shop.buy(shop.anyone, sku).body["number"]
    shop.wait_for_state(number, "delivered")
    page = at_the_desk.open("/admin/product/product/import")
    _reach(page, "Show what would change")
    _choose(page, _file(*_jug(mark)))
    at_the_desk.look()
    _reach(page, "Apply all of it")
    _product_page(at_the_desk, sku)
    _reach(page, "Save")
    at_the_desk.open(f"/admin/inventory/movement/receive?sku={sku}")
    _reach(page, "Receive all")
    at_the_desk.open(f"/admin/find?q={number}")
    page.locator("main, #main").get_by_role("link", name=re.compile(number)).first.click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    at_the_desk.look()
    _reach(page, "Continue")


def _reach(page: Page, button: str) -> None:
    """The page is no wider than the screen, and nothing lies over the button, which is a thumb wide."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
    found = page.get_by_role("button", name=button, exact=True)
    found.click(trial=True)
    box = found.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE[0]
    assert box["height"] >= 36
