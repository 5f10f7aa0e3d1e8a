"""What the catalogue shows: plain dictionaries from few statements, ready for the renderer.

Orders change what is available all day, products change now and then. So pages and products are kept
in the process for as long as the catalogue's state says that no product has changed, and only what is
available is read for every answer.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Any
from uuid import UUID

from cachetools import LRUCache, cached
from cachetools.keys import hashkey
from django.db import connection

from apps.product import listing
from apps.product.thumbnails import thumbnails
from shop.money import Money

_RELATED = 8  # shown beside a product
_KEPT = 10_000  # variants whose pages and products a process keeps, about 1 kB each

Entry = dict[str, Any]  # a product as lists show it


@dataclass(frozen=True, slots=True)
class State:
    """The present state of all that the catalogue shows; ``products`` leaves stock out. See Revision.

    Read it before what it is to vouch for: a change in between then makes the tag too old, never too new.
    """

    epoch: UUID
    number: int
    products: int

    @property
    def tag(self) -> str:
        """The state's name in an ETag."""
        return f"{self.epoch.hex[:8]}-{self.number}"

    def of(self, *, stock: bool) -> object:
        """Names the state of the products, and of their ``stock``: what was read in it can be kept."""
        return (self.epoch, self.number if stock else self.products, stock)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a list, but for what is available."""

    entries: list[Entry]
    page: listing.Page


@dataclass(frozen=True, slots=True)
class _Product:
    """A product and those shown beside it, but for what is available."""

    variants: list[dict[str, Any]]
    details: dict[str, Any]
    related: list[Entry]


def state() -> State | None:
    """None while the catalogue has never had anything: one statement."""
    rows = _select("SELECT epoch, number, products FROM product_revision", [])
    return State(*rows[0]) if rows else None


def name(state: State | None, *, stock: bool = False) -> object:
    """A name under which what is read can be kept; of no state a new one each time."""
    return state.of(stock=stock) if state else object()


def page(state: State | None, query: listing.Query, cursor: listing.Cursor | None) -> tuple[list[Entry], listing.Page]:
    """Products of one page as the list shows them: three statements, whatever their number; one once kept."""
    found = _page(name(state, stock=query.in_stock is not None), query, cursor)
    available = _available(found.entries)
    return [_stocked(entry, available) for entry in found.entries], found.page


def product(state: State | None, sku: str, *, drafts: bool = False) -> dict[str, Any] | None:
    """The variant ``sku`` with its product and the product's other variants: three statements; one once kept.

    None for an unknown SKU, and for one of a draft unless ``drafts``.
    """
    found = _product(name(state), sku)
    if found is None or not (drafts or found.details["published"]):
        return None
    available = _available([{"variants": found.variants}, *found.related])
    shown = _stocked({"variants": found.variants}, available)
    own: dict[str, Any] = next(variant for variant in shown["variants"] if variant["sku"] == sku)
    related = [_stocked(entry, available) for entry in found.related]
    return own | found.details | {**shown, "available": own["available"], "related": related}


def _weight(found: _Page | _Product | None) -> int:
    if found is None:
        return 1
    if isinstance(found, _Page):
        return 1 + sum(len(entry["variants"]) for entry in found.entries)
    return 1 + len(found.variants) + sum(len(entry["variants"]) for entry in found.related)


_pages: LRUCache[Any, _Page] = LRUCache(_KEPT, getsizeof=_weight)
_products: LRUCache[Any, _Product | None] = LRUCache(_KEPT, getsizeof=_weight)


@cached(_pages, key=hashkey, lock=Lock())
def _page(named: object, query: listing.Query, cursor: listing.Cursor | None) -> _Page:
    found = listing.page(query, cursor)
    return _Page(_listed(found.ids), found)


@cached(_products, key=hashkey, lock=Lock())
def _product(named: object, sku: str) -> _Product | None:
    rows = _select(_DETAIL, [_RELATED, _RELATED, sku])
    if not rows:
        return None
    slug, published, created_at, details, own, related = rows[0][:6]
    shown = _details(details, own) | {"slug": slug, "published": published, "created_at": created_at}
    return _Product([_sold(row[6:]) for row in rows], shown, _listed(related))


def _available(entries: list[Entry]) -> dict[str, int]:
    """Units available of the SKUs of ``entries``, where there are any: one statement."""
    skus = [variant["sku"] for entry in entries for variant in entry["variants"]]
    return dict(_select(_AVAILABLE, [skus])) if skus else {}


def _stocked(entry: Entry, available: Mapping[str, int]) -> Entry:
    variants = [variant | {"available": available.get(variant["sku"], 0)} for variant in entry["variants"]]
    return entry | {
        "available": variants[0]["available"],
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


def tree() -> list[dict[str, Any]]:
    """The categories, each with those below it: one statement."""
    rows = _select("SELECT id, parent_id, slug, name FROM product_category ORDER BY name, id", [])
    shown: dict[int, dict[str, Any]] = {
        own: {"slug": slug, "name": name, "children": []} for own, _, slug, name in rows
    }
    roots: list[dict[str, Any]] = []
    for own, parent, _, _ in rows:
        (roots if parent is None else shown[parent]["children"]).append(shown[own])
    return roots


@lru_cache(maxsize=256)
def below(named: object, slug: str) -> tuple[int, ...]:
    """Ids of a category and of all below it: one statement, or none.

    ``named`` is the name of the catalogue's state, for which what was read is kept.
    """
    return tuple(number for (number,) in _select(_BELOW, [slug]))


def _listed(ids: list[int]) -> list[Entry]:
    """Products by id, as lists show them but for what is available: one statement."""
    shown: dict[int, Entry] = {}
    for number, slug, name, category, rating_sum, rating_count, digest, alt, width, height, *row in (
        _select(_LISTED, [ids]) if ids else ()
    ):
        variant = _variant(row)
        if number not in shown:
            shown[number] = {
                "slug": slug,
                "name": name,
                "category": category,
                "sku": variant["sku"],
                "price": variant["price"],
                "compare_at_price": variant["compare_at_price"],
                "available": 0,
                "in_stock": False,
                "rating": rating(rating_sum, rating_count),
                "image": picture(digest, alt, width, height) if digest else None,
                "variants": [],
            }
        shown[number]["variants"].append(variant)
    return [shown[number] for number in ids if number in shown]


def rating(total: int, count: int) -> dict[str, Any] | None:
    """What customers think on average, from 1 to 5; None before the first approved review."""
    return {"average": round(total / count, 1), "count": count} if count else None


def picture(digest: str, alt: str, width: int, height: int) -> dict[str, Any]:
    """A picture with its thumbnails."""
    return {"alt": alt, "width": width, "height": height, "thumbnails": thumbnails(digest, width)}


def _details(details: str, own: str) -> dict[str, Any]:
    of_product, (attributes, images) = json.loads(details), json.loads(own)
    seo_title, seo_description = of_product["seo"]
    return {
        **of_product,
        "rating": rating(*of_product["rating"]),
        "attributes": attributes or [],
        "images": [{"id": number, **picture(*rest)} for number, *rest in images or ()],
        "seo": {"title": seo_title or of_product["name"], "description": seo_description},
    }


def _sold(row: Iterable[Any]) -> dict[str, Any]:
    *variant, tax_class, weight_g, barcode, image = row
    return _variant(variant) | {"tax_class": tax_class, "weight_g": weight_g, "barcode": barcode, "image": image}


def _variant(row: Iterable[Any]) -> dict[str, Any]:
    sku, options, price, compare_at, currency = row
    return {
        "sku": sku,
        "options": json.loads(options),
        "price": _money(price, currency),
        "compare_at_price": _money(compare_at, currency) if compare_at is not None and compare_at > price else None,
        "available": 0,
    }


def _money(amount: Decimal, currency: str) -> Mapping[str, str]:
    return Money(amount, currency).json()


def _select(sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


_LISTED = """
SELECT p.id, p.slug, p.name, c.slug, p.rating_sum, p.rating_count, i.digest, i.alt, i.width, i.height,
    v.sku, v.options, v.price, v.compare_at_price, v.currency
FROM product_product p
JOIN product_category c ON c.id = p.category_id
JOIN product_variant v ON v.product_id = p.id
LEFT JOIN LATERAL (
    SELECT digest, alt, width, height FROM product_image
    WHERE product_id = p.id AND state = 'ready' AND v.position = 0 ORDER BY position, id LIMIT 1
) i ON true
WHERE p.id = ANY(%s) ORDER BY p.id, v.position
"""

# Related products: those named, else the newest of the same category.
_DETAIL = """
WITH p AS MATERIALIZED (
    SELECT p.id, p.slug, p.published, p.created_at,
        jsonb_build_object('name', p.name, 'description', p.description, 'vendor', p.vendor, 'kind', p.kind,
            'tags', p.tags, 'option_names', p.option_names, 'rating', jsonb_build_array(p.rating_sum, p.rating_count),
            'seo', jsonb_build_array(p.seo_title, p.seo_description),
            'category', jsonb_build_object('slug', c.slug, 'name', c.name)) AS details,
        jsonb_build_array(
            (
                SELECT jsonb_agg(jsonb_build_object('code', a.code, 'name', a.name, 'unit', a.unit,
                    'value', coalesce(trim_scale(value.number)::text, value.text)) ORDER BY a.position, a.name)
                FROM product_attributevalue value JOIN product_attribute a ON a.id = value.attribute_id
                WHERE value.product_id = p.id
            ),
            (
                SELECT jsonb_agg(jsonb_build_array(id, digest, alt, width, height) ORDER BY position, id)
                FROM product_image WHERE product_id = p.id AND state = 'ready'
            )
        ) AS own,
        coalesce(
            (
                SELECT array_agg(other_id ORDER BY position, id) FROM (
                    SELECT r.other_id, r.position, r.id FROM product_related r
                    JOIN product_product other ON other.id = r.other_id AND other.published
                    WHERE r.product_id = p.id ORDER BY r.position, r.id LIMIT %s
                ) named
            ),
            array(
                SELECT other.id FROM product_product other
                WHERE other.published AND other.category_id = p.category_id AND other.id <> p.id
                ORDER BY other.id DESC LIMIT %s
            )
        ) AS related
    FROM product_product p JOIN product_category c ON c.id = p.category_id
    WHERE p.id = (SELECT product_id FROM product_variant WHERE sku = %s)
)
SELECT p.slug, p.published, p.created_at, p.details, p.own, p.related,
    v.sku, v.options, v.price, v.compare_at_price, v.currency, v.tax_class, v.weight_g, v.barcode, v.image_id
FROM p
JOIN product_variant v ON v.product_id = p.id
ORDER BY v.position
"""

_AVAILABLE = "SELECT sku, available FROM product_level WHERE sku = ANY(%s) AND available > 0"

# UNION, not UNION ALL: a loop of parents ends.
_BELOW = """
WITH RECURSIVE below AS (
    SELECT id FROM product_category WHERE slug = %s
    UNION SELECT c.id FROM product_category c JOIN below ON c.parent_id = below.id
)
SELECT id FROM below
"""

_PRICES = """
SELECT v.sku, p.name, v.options, v.price, v.currency, v.tax_class, v.weight_g
FROM product_variant v JOIN product_product p ON p.id = v.product_id
WHERE v.sku = ANY(%s) AND p.published
"""
