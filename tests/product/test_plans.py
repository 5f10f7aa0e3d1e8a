"""A catalogue of 100,000 products: every question asked of it stays on its indexes, and is bounded.

One test, so that the data are made once; each question is named in what fails.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

PRODUCTS = 100_000
_LARGE = ("product_product", "product_variant", "product_level", "product_image", "product_attributevalue")
_SLOW_INDEXES = ("product_by_words", "product_by_facets", "product_by_tags", "product_name_trigrams")
_MOST_ROWS = 40_000  # that one node may bring, or drop: a common word has 25,000 products, facets may drop more

_CATALOGUE = [
    "SELECT setseed(0.5)",
    """
    INSERT INTO product_category (id, slug, name, parent_id)
    SELECT n, 'c' || n, 'Category ' || n, CASE WHEN n > 7 THEN n % 8 END FROM generate_series(0, 63) n
    """,
    "INSERT INTO product_attribute (id, code, name, kind) VALUES (1, 'material', 'Material', 'text')",
    "INSERT INTO product_attribute (id, code, name, kind, unit) VALUES (2, 'height', 'Height', 'number', 'cm')",
    "INSERT INTO product_optionname (code, name) VALUES ('colour', 'Colour'), ('size', 'Size')",
    """
    CREATE TEMP TABLE made AS
    SELECT n, CASE WHEN random() < 0.25 THEN 'lamp' ELSE 'thing' END AS head,
        'word' || (random() ^ 3 * 4000)::int AS first,
        CASE WHEN n % 5000 = 7 THEN 'chandelier' ELSE 'part' || (n * 7919) % 3000 END AS second,
        (ARRAY['red', 'blue', 'green', 'black', 'white'])[(random() * 4)::int + 1] AS colour,
        (ARRAY['oak', 'steel', 'glass'])[(random() * 2)::int + 1] AS material, (random() * 200)::int AS height
    FROM generate_series(1, {products}) n
    """,
    """
    INSERT INTO product_product (id, slug, name, description, category_id, vendor, tags, published, facets)
    SELECT n, 'p' || n, initcap(first || ' ' || second || ' ' || head), 'Made of ' || material || ' by hand',
        hashint8(n) & 63, 'Vendor ' || n % 200, ARRAY['tag' || n % 40, 'tag' || n % 7], n % 50 > 0,
        ARRAY['colour=' || colour, 'height=' || height, 'material=' || material, 'size=' || n % 4]
    FROM made
    """,
    """
    INSERT INTO product_variant (sku, product_id, position, options, price, currency, barcode)
    SELECT 'S' || n || '-' || place, n, place, jsonb_build_object('Colour', colour, 'Size', n % 4),
        ((n * 31) % 9000 + 100) / 10.0, 'EUR', CASE place WHEN 0 THEN (4000000000000 + n)::text ELSE '' END
    FROM made, generate_series(0, CASE WHEN n % 10 = 1 THEN 1 ELSE 0 END) place
    """,
    """
    INSERT INTO product_attributevalue (product_id, attribute_id, text, number)
    SELECT n, 1, material, NULL FROM made WHERE n % 10 = 0 UNION ALL SELECT n, 2, '', height FROM made
    """,
    "INSERT INTO product_level (sku, available, sequence) SELECT 'S' || n || '-0', n % 3, 1 FROM made",
    """
    INSERT INTO product_image (product_id, state, digest, width, height)
    SELECT n, 'ready', repeat(md5(n::text), 2), 800, 600 FROM made WHERE n % 4 = 0
    """,
    """
    INSERT INTO product_word (word, stem)
    SELECT DISTINCT word, stem
    FROM made, unnest(ARRAY[head, first, second]) word, unnest(ts_lexize('english_stem', word)) stem
    """,
    "INSERT INTO product_revision DEFAULT VALUES",
]

QUESTIONS = {
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


@pytest.fixture
def large(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # the triggers' work is written below at once
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [list(_SLOW_INDEXES)])
        indexes = cursor.fetchall()  # quicker made at the end than kept
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for statement in _CATALOGUE:
            cursor.execute(statement.replace("{products}", str(PRODUCTS)))
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute(f"VACUUM ANALYZE {', '.join(_LARGE)}, product_word")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE made")


def test_every_question_stays_on_its_indexes(large: None) -> None:
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
        plan, took_ms = _explained(statement["sql"])
        for node in _nodes(plan):
            rows = node["Actual Rows"] * node["Actual Loops"]
            removed = node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] in _LARGE:
                wrong.append(f"{name}: scans {node['Relation Name']}")
            if rows > _MOST_ROWS or removed > (PRODUCTS if "tree (root, id)" in statement["sql"] else _MOST_ROWS):
                wrong.append(f"{name}: {node['Node Type']} brings {rows:.0f}, drops {removed:.0f}")
        print(f"{name:28} {took_ms:7.2f} ms  {statement['sql'].split()[0:2]}")
    return wrong


def _explained(sql: str) -> tuple[dict[str, Any], float]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
    explained = json.loads(found) if isinstance(found, str) else found
    return explained[0]["Plan"], explained[0]["Execution Time"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
