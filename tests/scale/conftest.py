"""A catalogue of 100,000 products, made once for each test that asks for it."""

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.product.conftest import staff

__all__ = ["staff"]  # a fixture

PRODUCTS = 100_000
LARGE = ("product_product", "product_variant", "product_level", "product_image", "product_attributevalue")
_SLOW_INDEXES = ("product_by_words", "product_by_facets", "product_by_tags", "product_name_trigrams")

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


@pytest.fixture
def large_catalogue(transactional_db: None) -> Iterator[None]:
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
        cursor.execute(f"VACUUM ANALYZE {', '.join(LARGE)}, product_word")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE made")
        cursor.execute(
            f"TRUNCATE {', '.join(LARGE)}, product_word CASCADE"
        )  # rows that were deleted would stay in the way
