"""One product: shown, created, changed; and what other roles ask."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.product import client as product
from apps.product import services
from apps.product.models import Level, Product
from shop import context
from shop.audit.registry import book_of
from shop.money import Money
from tests.product.conftest import sell, tell

pytestmark = pytest.mark.django_db(transaction=True)
EUR = {"amount": "5.00", "currency": "EUR"}


def _new(*skus: str, **more: Any) -> dict[str, Any]:
    variants = [{"sku": sku, "price": EUR, "options": {"Colour": sku}} for sku in skus]
    return {"name": "Lamp", "category": "lamps", "variants": variants, "published": True, **more}


def _post(client: Client, body: object, path: str = "/product/products", **headers: str) -> Any:
    return client.post(path, body, content_type="application/json", headers=headers)


def _broken() -> Mapping[str, str]:
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for name, sql in book_of("product").rules.items():
            cursor.execute(sql)
            found.update((name, row[0]) for row in cursor.fetchall())
    return found


def test_a_sku_is_shown_with_its_product(lamps: str) -> None:
    """With its siblings, each with price, options, availability; four statements, however many, two once kept."""
    sell("A", price="7.00")
    sell("B", more=49)
    tell(("B-3", 2, 1))
    with CaptureQueriesContext(connection) as one:
        Client().get("/product/products/A")
    with CaptureQueriesContext(connection) as fifty:
        shown = Client().get("/product/products/B-3").json()
    with CaptureQueriesContext(connection) as again:
        assert Client().get("/product/products/B-3").json() == shown
    assert (shown["sku"], shown["available"], shown["options"], shown["in_stock"]) == ("B-3", 2, {"n": "3"}, True)
    assert shown["price"] == {"amount": "10.00", "currency": "EUR"}
    assert shown["category"] == {"slug": "lamps", "name": "Lamps"}
    assert len(shown["variants"]) == 50
    assert (len(one), len(fifty), len(again)) == (4, 4, 2)


def test_what_is_not_sold_is_404(staff: Client, lamps: str) -> None:
    """Unknown SKUs for everyone; drafts for all but staff."""
    _post(staff, _new("D", published=False))
    for sku in ("NOPE", "D"):
        answer = Client().get(f"/product/products/{sku}")
        assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (404, "unknown-sku")
    shown = staff.get("/product/products/D")
    assert (shown.status_code, shown["Cache-Control"]) == (200, "private, no-store")
    assert Client().get("/product/products").json()["results"] == []


def test_staff_add_products(staff: Client, lamps: str) -> None:
    """201 with the product and its address; equal names get addresses of their own."""
    made = _post(staff, _new("A", "B"))
    assert (made.status_code, made["Location"]) == (201, "http://testserver/product/products/A")
    assert [variant["sku"] for variant in made.json()["variants"]] == ["A", "B"]
    assert [_post(staff, _new(sku)).json()["slug"] for sku in ("C", "D")] == ["lamp-c", "lamp-d"]
    last = _post(staff, _new("c")).json()["slug"]  # another SKU, and the same words in an address
    assert last.startswith("lamp-")
    assert len(last) > 30


@pytest.fixture
def described(lamps: str) -> None:
    """A shop that describes its products by three attributes of different kinds."""
    services.create_attribute(code="material", name="Material")
    services.create_attribute(code="height", name="Height", kind="number", unit="cm")
    services.create_attribute(code="dimmable", name="Dimmable", kind="boolean")


def _said(shown: Mapping[str, Any]) -> dict[str, str]:
    return {value["code"]: value["value"] for value in shown["attributes"]}


def _beside(shown: Mapping[str, Any]) -> list[str]:
    return [other["sku"] for other in shown["related"]]


def test_a_product_keeps_all_that_is_said_of_it(staff: Client, described: None) -> None:
    """As it is made; a change replaces what it names, and takes away what it names as null."""
    for sku in ("S1", "S2", "S3"):
        _post(staff, _new(sku, name=sku))
    whole = {
        "price": EUR,
        "compare_at_price": {"amount": "7.50", "currency": "EUR"},
        "barcode": "4006381333931",
        "tax_class": "reduced",
        "weight_g": 350,
    }
    body = _new("A", attributes={"material": "oak", "height": "80.50", "dimmable": "true"}, related=["S2", "S1", "S2"])
    body |= {"vendor": "Holm", "kind": "Lamp", "tags": ["new"], "seo_title": "Lamps", "description": "Warm."}
    made = _post(staff, body | {"variants": [{"sku": "A", **whole}]})
    assert made.status_code == 201, made.content
    shown = made.json()
    assert {name: shown[name] for name in whole} == whole
    assert _said(shown) == {"material": "oak", "height": "80.5", "dimmable": "true"}
    assert _beside(shown) == ["S2", "S1"]
    assert (shown["vendor"], shown["kind"], shown["tags"], shown["description"]) == ("Holm", "Lamp", ["new"], "Warm.")
    assert shown["seo"]["title"] == "Lamps"
    change = {"attributes": {"material": None, "height": "81", "dimmable": "false"}, "related": ["S3", "S1"]}
    changed = staff.patch("/product/products/A", change, content_type="application/json").json()
    assert (_said(changed), _beside(changed)) == ({"height": "81", "dimmable": "false"}, ["S3", "S1"])
    assert {name: changed[name] for name in whole} == whole
    none = staff.patch("/product/products/A", {"related": [], "vendor": "X"}, content_type="application/json").json()
    assert _beside(none) == ["S3", "S2", "S1"]  # the newest of its category, where none is named
    assert (_said(none), none["vendor"]) == (_said(changed), "X")


WRONG_DETAILS: dict[str, tuple[dict[str, Any], str]] = {
    "an attribute nobody made": ({"attributes": {"colour": "red"}}, "attributes"),
    "a number that is none": ({"attributes": {"height": "tall"}}, "attributes"),
    "a number without end": ({"attributes": {"height": "1" * 20}}, "attributes"),
    "an endless number": ({"attributes": {"height": "NaN"}}, "attributes"),
    "neither true nor false": ({"attributes": {"dimmable": "yes"}}, "attributes"),
    "no text": ({"attributes": {"material": ""}}, "attributes"),
    "no such product beside it": ({"related": ["NOPE"]}, "related"),
    "no such category": ({"category": "nowhere"}, "category"),
}


@pytest.mark.parametrize("case", WRONG_DETAILS)
def test_wrong_details_are_refused(staff: Client, described: None, case: str) -> None:
    """400 by field, in a new product and in one that is changed; nothing of either is written."""
    wrong, field = WRONG_DETAILS[case]
    _post(staff, _new("A", attributes={"material": "oak"}))
    before = staff.get("/product/products/A").json()
    for answer in (
        _post(staff, _new("B", name="Other", **{"category": "lamps", **wrong})),
        staff.patch("/product/products/A", {"name": "Other", **wrong}, content_type="application/json"),
    ):
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.content
    assert staff.get("/product/products/A").json() == before
    assert Product.objects.count() == 1


def test_a_product_is_not_beside_itself(staff: Client, lamps: str) -> None:
    """By none of its SKUs."""
    _post(staff, _new("A", "B"))
    refused = staff.patch("/product/products/A", {"related": ["B"]}, content_type="application/json")
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["related"])


def test_others_do_not(lamps: str) -> None:
    """401 without a token."""
    assert _post(Client(), _new("A")).status_code == 401
    assert Client().patch("/product/products/A", {}, content_type="application/json").status_code == 401


def test_a_key_makes_one_product(staff: Client, lamps: str) -> None:
    """A repeat shows the same product as it is now; another body is refused."""
    key = {"Idempotency-Key": "k1"}
    first = _post(staff, _new("A"), **key)
    staff.patch("/product/products/A", {"name": "Renamed"}, content_type="application/json")
    again = _post(staff, _new("A"), **key)
    assert (first.status_code, again.status_code, again["Idempotency-Replayed"]) == (201, 201, "true")
    assert again.json()["name"] == "Renamed"
    assert _post(staff, _new("B"), **key).status_code == 422
    assert Product.objects.count() == 1


def test_a_sku_names_one_variant(staff: Client, lamps: str) -> None:
    """409 naming the SKUs that are taken, or named twice; nothing is left behind."""
    _post(staff, _new("A"))
    taken = _post(staff, _new("B", "A"))
    assert (taken.status_code, taken.json()["skus"]) == (409, ["A"])
    assert _post(staff, _new("C", "C")).json()["skus"] == ["C"]
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"category": "nowhere"}, "category"),
        ({"variants": []}, "variants"),
        ({"variants": [{"sku": "a/b", "price": EUR}]}, "variants"),
        ({"variants": [{"sku": "A", "price": {"amount": "-1", "currency": "EUR"}}]}, "variants"),
        ({"variants": [{"sku": "A", "price": {"amount": "1.001", "currency": "EUR"}}]}, "variants"),
        ({"variants": [{"sku": "A", "price": EUR, "options": {"a\u0000": "b"}}]}, "variants"),
        ({"variants": [{"sku": "A", "price": EUR, "options": {"\ud800": "b"}}]}, "variants"),
        ({"variants": [{"sku": "A", "price": EUR, "weight_g": 10**12}]}, "variants"),
        (
            {"variants": [{"sku": "A", "price": EUR, "compare_at_price": {"amount": "9.00", "currency": "USD"}}]},
            "variants",
        ),
        ({"variants": "A"}, "variants"),
        ({"name": ""}, "name"),
    ],
)
def test_a_bad_product_is_refused(staff: Client, lamps: str, change: dict[str, Any], field: str) -> None:
    """400, and the field is named."""
    answer = _post(staff, {**_new("A"), **change})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field]), answer.content


def test_staff_change_a_product(staff: Client, lamps: str) -> None:
    """By any of its SKUs: name, publication, prices. A SKU of another product changes nothing."""
    _post(staff, _new("A", "B"))
    _post(staff, _new("C"))
    prices = [{"sku": "B", "price": {"amount": "6.00", "currency": "EUR"}}]
    body = {"name": "Lantern", "price": {"amount": "7.00", "currency": "EUR"}, "variants": prices}
    changed = staff.patch("/product/products/A", body, content_type="application/json")
    assert changed.status_code == 200, changed.content
    assert changed.json()["name"] == "Lantern"
    assert [variant["price"]["amount"] for variant in changed.json()["variants"]] == ["7.00", "6.00"]
    wrong = {"name": "X", "variants": [{"sku": "C", "price": EUR}]}
    assert staff.patch("/product/products/A", wrong, content_type="application/json").status_code == 404
    assert staff.get("/product/products/A").json()["name"] == "Lantern"
    assert staff.patch("/product/products/NOPE", {}, content_type="application/json").status_code == 404


def test_categories_form_a_tree(staff: Client, lamps: str) -> None:
    """Staff add them, below others if they like; a slug is used once."""
    path = "/product/categories"
    made = _post(staff, {"slug": "desk", "name": "Desk", "parent": "lamps"}, path)
    assert (made.status_code, made.json()) == (201, {"slug": "desk", "name": "Desk", "parent": "lamps"})
    assert _post(staff, {"slug": "desk", "name": "Other"}, path).status_code == 409
    assert _post(staff, {"slug": "x", "name": "X", "parent": "nowhere"}, path).status_code == 400
    assert [row["slug"] for row in Client().get(path).json()["results"]] == ["desk", "lamps"]


def test_prices_for_other_roles(lamps: str) -> None:
    """Published SKUs with what a quote needs, in one statement; others are absent; a long list is no obstacle."""
    sell("A", name="Lamp", price="12.00")
    with context.working_as("cart"):
        found = product.prices(skus={"A", "NOPE"})
        long = product.prices(skus={"A", *(f"{n:064d}" for n in range(100))})
    assert found == long
    assert (found["A"].name, found["A"].unit_price, found["A"].weight_g) == ("Lamp", Money.parse("12.00", "EUR"), 100)
    assert found["A"].tax_class == "standard"


def test_levels_follow_the_newest_event(lamps: str) -> None:
    """Older and repeated events change nothing; levels may come before their variant."""
    tell(("A", 5, 2), ("B", 1, 1))
    tell(("A", 9, 1), ("B", 6, 2), ("B", 7, 3))
    assert dict(Level.objects.values_list("sku", "available")) == {"A": 5, "B": 7}
    with CaptureQueriesContext(connection) as statements:
        tell(*((f"S{n}", n, 1) for n in range(50)))
    assert sum("product_level" in query["sql"] for query in statements) == 1
    facts = book_of("product").facts["levels"]
    assert facts(None, "A", 1) == [{"id": "B", "available": 7, "sequence": 3}]
    assert facts(["A"], "", 9) == [{"id": "A", "available": 5, "sequence": 2}]


def test_the_audit_names_what_is_broken(lamps: str) -> None:
    """Each rule finds the row that was corrupted behind the program's back."""
    sell("A", name="Lamp", more=1)
    assert _broken() == {}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM product_variant WHERE sku = 'A'")
        cursor.execute("ALTER TABLE product_level DROP CONSTRAINT product_level_available_check")
        cursor.execute("INSERT INTO product_level VALUES ('X', -1, 1)")
    broken = _broken()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM product_level")
        cursor.execute("ALTER TABLE product_level ADD CONSTRAINT product_level_available_check CHECK (available >= 0)")
    assert broken == {"product-without-first-variant": str(Product.objects.get().pk), "level-negative": "X"}
