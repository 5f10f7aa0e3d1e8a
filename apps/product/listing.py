"""One page of the product list: which products, in which order, and where the next page begins.

Plain SQL: the list is the shop's most read answer, and a page costs the same however far it is from
the first. The cursor holds the whole sort key of a row, so rows of equal price or name are neither
skipped nor shown twice.
"""

import base64
import json
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import connection

from shop.env import env

_LONGEST_CURSOR = 2000  # characters; the longest name escaped, twice over
_MAX_ID = 2**63
_PRICE = Decimal("0.001")  # as the column keeps it; quantizing refuses what has more digits than any column
_WORDS = 8  # of a search that count; each must occur in the name

# ordering -> the sort key's columns, and whether it descends. The last column is always the product's id.
ORDERINGS: dict[str, tuple[tuple[str, ...], bool]] = {
    "newest": (("p.id",), True),
    "name": (("p.name", "p.id"), False),
    "-name": (("p.name", "p.id"), True),
    "price": (("v.price", "v.product_id"), False),
    "-price": (("v.price", "v.product_id"), True),
}


class InvalidCursor(Exception):
    """The cursor was not made for this list in this ordering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a client asked to see. Prices are amounts in the shop's own currency."""

    search: str = ""
    category: str = ""
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    in_stock: bool | None = None
    ordering: str = "newest"
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: after the row with sort key ``key``, or before it."""

    ordering: str
    backwards: bool
    key: tuple[Any, ...]

    def __str__(self) -> str:
        key = [str(value) if isinstance(value, Decimal) else value for value in self.key]
        packed = json.dumps([self.ordering, self.backwards, *key], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Page:
    """Ids of products in order, and the cursors of the neighbouring pages."""

    ids: list[int]
    next: Cursor | None
    previous: Cursor | None


def cursor_of(text: str, *, ordering: str) -> Cursor:
    """Read what ``str(cursor)`` wrote. Raises InvalidCursor."""
    try:
        return _unpacked(text, ordering)
    except (ValueError, TypeError, AttributeError, RecursionError, InvalidOperation) as exc:
        raise InvalidCursor from exc


def _unpacked(text: str, ordering: str) -> Cursor:
    if len(text) > _LONGEST_CURSOR:
        raise ValueError("too long")
    packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    made_for, backwards, *key = json.loads(packed)
    if made_for != ordering or not isinstance(backwards, bool):
        raise ValueError("of another list")
    return Cursor(ordering, backwards, _typed(key, ORDERINGS[ordering][0]))


def _typed(key: list[Any], columns: tuple[str, ...]) -> tuple[Any, ...]:
    *values, product_id = key
    if len(key) != len(columns) or type(product_id) is not int or not 0 <= product_id < _MAX_ID:
        raise ValueError("not a sort key")
    if columns[0] == "v.price":
        values = [Decimal(values[0])]
        if not values[0].is_finite() or values[0] != values[0].quantize(_PRICE):
            raise ValueError("not a price")
    if columns[0] == "p.name" and "\x00" in values[0].encode().decode():
        raise ValueError("not a name")
    return (*values, product_id)


def page(query: Query, cursor: Cursor | None) -> Page:
    """The published products of one page: one statement."""
    columns, descending = ORDERINGS[query.ordering]
    backwards = cursor is not None and cursor.backwards
    down = descending != backwards
    where, values = _conditions(query)
    if cursor is not None:
        where += f" AND ({', '.join(columns)}) {'<' if down else '>'} ({', '.join(['%s'] * len(columns))})"
        values += cursor.key
    order = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column in columns)
    with connection.cursor() as db:
        db.execute(
            f"SELECT {', '.join(columns)} {_FROM} WHERE {where} ORDER BY {order} LIMIT %s",
            [*values, query.limit + 1],
        )
        found = db.fetchall()
    rows, more = found[: query.limit], len(found) > query.limit
    if backwards:
        rows.reverse()
    return _page(query.ordering, rows, before=more if backwards else cursor is not None, after=more or backwards)


def _page(ordering: str, rows: list[tuple[Any, ...]], *, before: bool, after: bool) -> Page:
    if not rows:
        return Page([], None, None)
    return Page(
        [row[-1] for row in rows],
        Cursor(ordering, False, rows[-1]) if after else None,
        Cursor(ordering, True, rows[0]) if before else None,
    )


def category_counts(query: Query, *, categories: int, products: int) -> list[tuple[str, str, int]]:
    """Slug, name and number of products of each category that has some of what ``query`` finds.

    The query's own category is left out, so that the counts say what choosing another would bring.
    Bounded: at most ``categories``, and none is counted beyond ``products``.
    """
    where, values = _conditions(replace(query, category=""))
    with connection.cursor() as db:
        db.execute(_COUNTS.format(where=where), [*values, products, categories])
        return [(slug, name, number) for slug, name, number in db.fetchall()]


def _conditions(query: Query) -> tuple[str, list[Any]]:
    """The WHERE clause: constant fragments only, every value is a parameter."""
    where, values = ["p.published"], list[Any]()
    for word in query.search.split()[:_WORDS]:
        where.append("p.name ILIKE %s")
        values.append(f"%{_literal(word)}%")
    if query.category:
        where.append(_IN_CATEGORY)
        values.append(query.category)
    for bound, comparison in ((query.price_min, ">="), (query.price_max, "<=")):
        if bound is not None:
            where.append(f"v.currency = %s AND v.price {comparison} %s")
            values += [env.currency, bound]
    if query.in_stock is not None:
        where.append(_IN_STOCK if query.in_stock else f"NOT {_IN_STOCK}")
    return " AND ".join(where), values


def _literal(word: str) -> str:
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


_FROM = "FROM product_product p JOIN product_variant v ON v.product_id = p.id AND v.position = 0"

_IN_STOCK = """EXISTS (
    SELECT FROM product_variant any_v JOIN product_level l ON l.sku = any_v.sku
    WHERE any_v.product_id = p.id AND l.available > 0
)"""

# UNION, not UNION ALL: a loop of parents ends.
_IN_CATEGORY = """p.category_id IN (
    WITH RECURSIVE below AS (
        SELECT id FROM product_category WHERE slug = %s
        UNION SELECT c.id FROM product_category c JOIN below ON c.parent_id = below.id
    )
    SELECT id FROM below
)"""

_COUNTS = """
WITH RECURSIVE tree (root, id) AS (
    SELECT id, id FROM product_category
    UNION SELECT tree.root, c.id FROM product_category c JOIN tree ON c.parent_id = tree.id
)
SELECT c.slug, c.name, counted.number
FROM product_category c, LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM tree
        JOIN product_product p ON p.category_id = tree.id
        JOIN product_variant v ON v.product_id = p.id AND v.position = 0
        WHERE tree.root = c.id AND {where} LIMIT %s
    ) bounded
) counted
WHERE counted.number > 0 ORDER BY counted.number DESC, c.slug LIMIT %s
"""
