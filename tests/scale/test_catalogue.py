"""A catalogue of 100,000 products: every question asked of it stays on its indexes, and is bounded.

One test, so that the data are made once; each question is named in what fails.
"""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.scale.conftest import LARGE, PRODUCTS
from tests.scale.plans import explained, nodes

_MOST_ROWS = 40_000  # that one node may bring, or drop: a common word has 25,000 products, facets may drop more

QUESTIONS: dict[str, dict[str, Any]] = {
    "newest": {},
    "name": {"ordering": "name"},
    "price": {"ordering": "price"},
    "dearest": {"ordering": "-price"},
    "category": {"category": "c3"},
    "category by price": {"category": "c3", "ordering": "price"},
    "price range": {"price_min": "10", "price_max": "20"},
    "in stock": {"in_stock": "true"},
    "option": {"colour": "blue"},
    "options and attribute": {"colour": ["blue", "red"], "material": "oak"},
    "vendor": {"vendor": "Vendor 7"},
    "tag": {"tag": "tag3"},
    "number range": {"height_min": "10", "height_max": "12"},
    "search, common word": {"search": "lamp"},
    "search, rare word": {"search": "chandelier"},
    "search, two words": {"search": "chandelier lamp"},
    "search, typo": {"search": "chandeleir"},
    "search, nothing like it": {"search": "zzzzqqqq"},
    "search, SKU": {"search": "S4711-0"},
    "search, barcode": {"search": "4000000004711"},
    "search by price": {"search": "lamp", "ordering": "price"},
    "search in category": {"search": "lamp", "category": "c4", "colour": "white"},
    "search, in stock": {"search": "part43", "in_stock": "true"},
}


def test_every_question_stays_on_its_indexes(large_catalogue: None) -> None:
    """No scan of a large table, no node that brings more rows than facets may read; first page and second."""
    wrong = []
    for name, parameters in QUESTIONS.items():
        with CaptureQueriesContext(connection) as first:
            page = Client().get("/product/products", parameters).json()
        assert bool(page["results"]) == ("nothing" not in name), name
        wrong += _judged(name, first)
        if page["next"]:
            with CaptureQueriesContext(connection) as second:
                Client().get(page["next"])
            wrong += _judged(f"{name}, next", second)
    for sku in ("S4711-0", "S4711-1"):
        with CaptureQueriesContext(connection) as detail:
            assert Client().get(f"/product/products/{sku}").status_code == 200
        wrong += _judged("detail", detail)
    assert not wrong, "\n".join(wrong)


def _judged(name: str, statements: CaptureQueriesContext) -> list[str]:
    wrong = []
    for statement in statements:
        plan, took_ms = explained(statement["sql"])
        for node in nodes(plan):
            rows = node["Actual Rows"] * node["Actual Loops"]
            removed = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in LARGE:
                wrong.append(f"{name}: scans {node['Relation Name']}")
            if rows > _MOST_ROWS or removed > (PRODUCTS if "tree (root, id)" in statement["sql"] else _MOST_ROWS):
                wrong.append(f"{name}: {node['Node Type']} brings {rows:.0f}, drops {removed:.0f}")
        print(f"{name:28} {took_ms:7.2f} ms  {statement['sql'].split()[0:2]}")
    return wrong
