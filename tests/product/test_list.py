"""The product list: search, filters, order, cursors, ETag."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.product import services
from shop.money import Money
from tests.product.conftest import sell, tell

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/product/products"


def listed(**parameters: Any) -> Any:
    answer = Client().get(LIST, parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def skus(**parameters: Any) -> list[str]:
    return [item["sku"] for item in listed(**parameters)["results"]]


def test_a_product_is_shown_by_its_first_variant(lamps: str) -> None:
    """SKU, price and availability are the first variant's; in stock is any."""
    sell("A", name="Reading lamp", price="12.50", more=1)
    tell(("A-1", 3, 1))
    (item,) = listed()["results"]
    assert item == {
        "slug": "reading-lamp",
        "name": "Reading lamp",
        "category": "lamps",
        "sku": "A",
        "price": {"amount": "12.50", "currency": "EUR"},
        "compare_at_price": None,
        "available": 0,
        "in_stock": True,
        "rating": None,
        "image": None,
        "variants": [
            {"sku": "A", "options": {"n": "0"}, "price": item["price"], "compare_at_price": None, "available": 0},
            {"sku": "A-1", "options": {"n": "1"}, "price": item["price"], "compare_at_price": None, "available": 3},
        ],
    }


@pytest.mark.parametrize("ordering", ["newest", "name", "-name", "price", "-price"])
def test_pages_visit_every_product_once(lamps: str, ordering: str) -> None:
    """In order, forwards and back again, though names and prices are equal."""
    for number in range(7):
        sell(f"S{number}", name=f"Lamp {number // 4}", price=f"{number // 3}.00")
    whole = skus(ordering=ordering)
    forwards, page = [], listed(ordering=ordering, limit=2)
    while True:
        forwards.append([item["sku"] for item in page["results"]])
        if page["next"] is None:
            break
        page = Client().get(page["next"]).json()
    assert [sku for skus_of_page in forwards for sku in skus_of_page] == whole
    backwards = [forwards[-1]]
    while page["previous"]:
        page = Client().get(page["previous"]).json()
        backwards.insert(0, [item["sku"] for item in page["results"]])
    assert backwards == forwards
    assert sorted(whole) == [f"S{n}" for n in range(7)]


def test_order_by_price(lamps: str) -> None:
    """Cheapest first, or dearest first."""
    for sku, price in (("B", "2.00"), ("C", "10.00"), ("A", "1.00")):
        sell(sku, price=price)
    assert (skus(ordering="price"), skus(ordering="-price")) == (["A", "B", "C"], ["C", "B", "A"])


def test_filters_combine(lamps: str) -> None:
    """Price bounds, stock and category narrow each other; empty parameters are none."""
    services.create_category(slug="desk-lamps", name="Desk lamps", parent="lamps")
    services.create_category(slug="chairs", name="Chairs")
    sell("CHEAP", price="3.00", category="desk-lamps")
    sell("DEAR", price="300.00")
    sell("CHAIR", price="4.00", category="chairs")
    tell(("CHEAP", 1, 1), ("DEAR", 1, 1))
    assert skus(category="lamps") == ["DEAR", "CHEAP"]  # its own and those of the categories below it
    assert skus(price_max="10", in_stock="true") == ["CHEAP"]
    assert skus(price_min="3.50", in_stock="false") == ["CHAIR"]
    assert skus(category="nowhere") == []
    assert len(skus(search="", category="", price_min="", price_max="", in_stock="", ordering="")) == 3


@pytest.mark.parametrize(
    "query",
    [
        "cursor=nonsense",
        "cursor=WyJuZXdlc3QiLGZhbHNlLDFd&ordering=price",  # a cursor of another ordering
        "cursor=WyJuYW1lIixmYWxzZSwiXHUwMDAwIiwxXQ&ordering=name",  # NUL as a name
        "cursor=WyJuYW1lIixmYWxzZSwiXHVkODAwIiwxXQ&ordering=name",  # half a character as a name
        "cursor=WyJwcmljZSIsZmFsc2UsIk5hTiIsMV0&ordering=price",  # no number as a price
        "cursor=WyJwcmljZSIsZmFsc2UsIjFlOTk5OTk5IiwxXQ&ordering=price",  # a price beyond every column
        "cursor=WyJwcmljZSIsZmFsc2UsIjFlLTk5OTk5OSIsMV0&ordering=price",  # and one with more decimals than any
        "cursor=WyJyZWxldmFuY2UiLGZhbHNlLCJhIiwxXQ&search=a",  # no number as a rank
        "vendor=" + "a" * 121,
        "cursor=WyJuZXdlc3QiLGZhbHNlLDk5OTk5OTk5OTk5OTk5OTk5OTk5XQ",  # an id beyond every column
        "limit=0",
        "limit=101",
        "price_min=abc",
        "price_max=1e999",
        "price_max=NaN",
        "ordering=nonsense",
        "in_stock=perhaps",
        "search=" + "a" * 101,
        "category=%FF",
    ],
)
def test_a_bad_parameter_is_named(lamps: str, query: str) -> None:
    """400 with the parameter among the errors."""
    answer = Client().get(f"{LIST}?{query}")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {query.partition("=")[0]}


def test_a_page_costs_the_same_whatever_is_on_it(lamps: str) -> None:
    """Six statements, as many for one product as for fifty; two while the products stay as they are."""
    sell("A", more=1)
    with CaptureQueriesContext(connection) as one:
        listed(limit=50)
    for number in range(49):
        sell(f"S{number}", more=2)
    with CaptureQueriesContext(connection) as fifty:
        assert len(listed(limit=50)["results"]) == 50
    tell(("A", 1, 1))
    with CaptureQueriesContext(connection) as again:
        assert next(item["available"] for item in listed(limit=50)["results"] if item["sku"] == "A") == 1
    assert (len(one), len(fifty), len(again)) == (6, 6, 2), [query["sql"] for query in fifty]


def test_an_unchanged_list_is_not_sent_again(lamps: str) -> None:
    """304 for one statement; after a change of price or stock another ETag."""
    sell("A")
    first = Client().get(LIST)
    assert "max-age" in first["Cache-Control"]
    with CaptureQueriesContext(connection) as statements:
        again = Client().get(LIST, headers={"If-None-Match": f'"x", W/{first["ETag"]}'})
    assert (again.status_code, again.content, again["ETag"], len(statements)) == (304, b"", first["ETag"], 1)
    tags = {first["ETag"]}
    for change in (
        lambda: tell(("A", 5, 1)),
        lambda: services.change_product(sku="A", prices={"A": Money.parse("1.00", "EUR")}),
        lambda: services.change_product(sku="A", published=False),
    ):
        change()
        tags.add(Client().get(LIST, headers={"If-None-Match": first["ETag"]})["ETag"])
    assert len(tags) == 4


def test_what_changes_nothing_keeps_the_etag(lamps: str) -> None:
    """An older level is ignored, and kept answers stay good."""
    sell("A")
    tell(("A", 5, 2))
    before = Client().get(LIST)["ETag"]
    tell(("A", 9, 1))
    assert Client().get(LIST)["ETag"] == before


def test_the_page_for_people_is_not_cached(staff: Client, lamps: str) -> None:
    """It shows forms to those who may use them."""
    page = staff.get(LIST, headers={"Accept": "text/html"})
    assert (page.status_code, page["Cache-Control"]) == (200, "private, no-store")
    assert "ETag" not in page.headers
    assert b"<form" in page.content
