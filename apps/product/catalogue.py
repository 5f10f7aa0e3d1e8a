"""What the catalogue shows: plain dictionaries from few statements, ready for the renderer."""

import json
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.product import listing
from shop.money import Money

_FACET_VALUES = 50  # categories that the first page counts, at most
_COUNTED = 1000  # products counted of each; a count of 1000 means as many or more


def revision() -> str | None:
    """Names the present state of all that the catalogue shows; None while it has never had anything.

    Read it before what it is to vouch for: a change in between then makes the tag too old, never too new.
    """
    rows = _select("SELECT epoch, number FROM product_revision", [])
    return f"{rows[0][0].hex[:8]}-{rows[0][1]}" if rows else None


def page(query: listing.Query, cursor: listing.Cursor | None) -> tuple[list[dict[str, Any]], listing.Page]:
    """Products of one page as the list shows them: two statements, whatever their number."""
    found = listing.page(query, cursor)
    return _products(found.ids), found


def facets(query: listing.Query) -> dict[str, Any]:
    """What the list could be narrowed to, with counts: one statement."""
    counts = listing.category_counts(query, categories=_FACET_VALUES, products=_COUNTED)
    return {"category": [{"value": slug, "name": name, "count": number} for slug, name, number in counts]}


def product(sku: str, *, drafts: bool = False) -> dict[str, Any] | None:
    """The variant ``sku`` with its product and the product's other variants: one statement.

    None for an unknown SKU, and for one of a draft unless ``drafts``.
    """
    rows = _select(_DETAIL, [sku])
    if not rows or not (drafts or rows[0][3]):
        return None
    variants = [_variant(row[8:]) | {"tax_class": row[-2], "weight_g": row[-1]} for row in rows]
    slug, name, published, description, created_at, category, category_name = rows[0][1:8]
    return next(variant for variant in variants if variant["sku"] == sku) | {
        "slug": slug,
        "name": name,
        "description": description,
        "category": {"slug": category, "name": category_name},
        "published": published,
        "created_at": created_at,
        "in_stock": any(variant["available"] for variant in variants),
        "variants": variants,
    }


def first_sku(product_id: int) -> str:
    """The SKU of the variant that stands for a product."""
    rows = _select("SELECT sku FROM product_variant WHERE product_id = %s ORDER BY position LIMIT 1", [product_id])
    return str(rows[0][0])


def prices(skus: Collection[str]) -> list[dict[str, Any]]:
    """Name, price, tax class and weight of published SKUs: one statement."""
    return [
        {
            "sku": sku,
            "name": name,
            "options": json.loads(options),
            "unit_price": _money(price, currency),
            "tax_class": tax_class,
            "weight_g": weight_g,
        }
        for sku, name, options, price, currency, tax_class, weight_g in _select(_PRICES, [list(skus)])
    ]


def _products(ids: list[int]) -> list[dict[str, Any]]:
    shown: dict[int, dict[str, Any]] = {}
    for number, slug, name, category, *row in _select(_LISTED, [ids]):
        variant = _variant(row)
        if number not in shown:
            own = {key: variant[key] for key in ("sku", "price", "available")}
            shown[number] = {"slug": slug, "name": name, "category": category, **own, "in_stock": False, "variants": []}
        entry = shown[number]
        entry["variants"].append(variant)
        entry["in_stock"] = entry["in_stock"] or variant["available"] > 0
    return [shown[number] for number in ids if number in shown]


def _variant(row: Iterable[Any]) -> dict[str, Any]:
    sku, options, price, currency, available, *_ = row
    return {
        "sku": sku,
        "options": json.loads(options),
        "price": _money(price, currency),
        "available": available,
    }


def _money(amount: Decimal, currency: str) -> Mapping[str, str]:
    return Money(amount, currency).json()


def _select(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


_LISTED = """
SELECT p.id, p.slug, p.name, c.slug, v.sku, v.options, v.price, v.currency, coalesce(l.available, 0)
FROM product_product p
JOIN product_category c ON c.id = p.category_id
JOIN product_variant v ON v.product_id = p.id
LEFT JOIN product_level l ON l.sku = v.sku
WHERE p.id = ANY(%s) ORDER BY p.id, v.position
"""

_DETAIL = """
SELECT p.id, p.slug, p.name, p.published, p.description, p.created_at, c.slug, c.name,
    v.sku, v.options, v.price, v.currency, coalesce(l.available, 0), v.tax_class, v.weight_g
FROM product_product p
JOIN product_category c ON c.id = p.category_id
JOIN product_variant v ON v.product_id = p.id
LEFT JOIN product_level l ON l.sku = v.sku
WHERE p.id = (SELECT product_id FROM product_variant WHERE sku = %s) ORDER BY v.position
"""

_PRICES = """
SELECT v.sku, p.name, v.options, v.price, v.currency, v.tax_class, v.weight_g
FROM product_variant v JOIN product_product p ON p.id = v.product_id
WHERE v.sku = ANY(%s) AND p.published
"""
