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

from apps.product.search import Meaning
from shop.env import env

_LONGEST_CURSOR = 2000  # characters; the longest name escaped, twice over
_MAX_ID = 2**63
_PRICE = Decimal("0.001")  # as the column keeps it; quantizing refuses what has more digits than any column
_RANKED = 500  # newest products with the words in their names, and with them anywhere, that relevance compares

# ordering -> the sort key's columns, and whether it descends. The last column is always the product's id.
ORDERINGS: dict[str, tuple[tuple[str, ...], bool]] = {
    "newest": (("p.id",), True),
    "name": (("p.name", "p.id"), False),
    "-name": (("p.name", "p.id"), True),
    "price": (("v.price", "v.product_id"), False),
    "-price": (("v.price", "v.product_id"), True),
    "relevance": (("rank", "id"), True),
}


class InvalidCursor(Exception):
    """The cursor was not made for this list in this ordering."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Values of a facet, one of which a product must have: ``code`` is "vendor", "tag", an option's or attribute's."""

    code: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number attribute, either of them None."""

    code: str
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a client asked to see. Prices are amounts in the shop's own currency.

    ``meaning`` is that of ``search``, ``categories`` the ids of ``category`` and those below it.
    Without ``ordering`` a search is ordered by relevance, all else newest first.
    """

    search: str = ""
    meaning: Meaning | None = None
    category: str = ""
    categories: tuple[int, ...] = ()
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    in_stock: bool | None = None
    chosen: tuple[Chosen, ...] = ()
    ranges: tuple[Range, ...] = ()
    ordering: str = ""
    limit: int = 20

    @property
    def order(self) -> str:
        """The ordering in force; relevance without a search is none."""
        if self.search:
            return self.ordering or "relevance"
        return self.ordering if self.ordering not in {"", "relevance"} else "newest"

    def without(self, code: str) -> "Query":
        """This query, whatever may be chosen of one facet."""
        if code == "category":
            return replace(self, category="", categories=())
        return replace(
            self,
            chosen=tuple(choice for choice in self.chosen if choice.code != code),
            ranges=tuple(bounds for bounds in self.ranges if bounds.code != code),
        )


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
    if len(key) != len(columns) or not _is_id(product_id):
        raise ValueError("not a sort key")
    if columns[0] == "rank" and not _is_id(values[0]):
        raise ValueError("not a rank")
    if columns[0] == "v.price":
        values = [Decimal(values[0])]
        if not values[0].is_finite() or values[0] != values[0].quantize(_PRICE):
            raise ValueError("not a price")
    if columns[0] == "p.name" and "\x00" in values[0].encode().decode():
        raise ValueError("not a name")
    return (*values, product_id)


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value < _MAX_ID


def page(query: Query, cursor: Cursor | None) -> Page:
    """The published products of one page: one statement."""
    columns, descending = ORDERINGS[query.order]
    backwards = cursor is not None and cursor.backwards
    down = descending != backwards
    source, where, values = _ranked(query) if query.order == "relevance" else _plain(query)
    if cursor is not None:
        where += f" AND ({', '.join(columns)}) {'<' if down else '>'} ({', '.join(['%s'] * len(columns))})"
        values += cursor.key
    order = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column in columns)
    with connection.cursor() as db:
        db.execute(
            f"SELECT {', '.join(columns)} {source} WHERE {where} ORDER BY {order} LIMIT %s",
            [*values, query.limit + 1],
        )
        found = db.fetchall()
    rows, more = found[: query.limit], len(found) > query.limit
    if backwards:
        rows.reverse()
    return _page(query.order, rows, before=more if backwards else cursor is not None, after=more or backwards)


def _page(ordering: str, rows: list[tuple[Any, ...]], *, before: bool, after: bool) -> Page:
    if not rows:
        return Page([], None, None)
    return Page(
        [row[-1] for row in rows],
        Cursor(ordering, False, rows[-1]) if after else None,
        Cursor(ordering, True, rows[0]) if before else None,
    )


def _plain(query: Query) -> tuple[str, str, list[Any]]:
    where, values = conditions(query)
    return source(query), where, values


def source(query: Query) -> str:
    """The FROM clause: products, and the variants that stand for them where prices matter."""
    priced = "price" in query.order or query.price_min is not None or query.price_max is not None
    return f"{_PRODUCTS} {_FIRST_VARIANTS}" if priced else _PRODUCTS


def _ranked(query: Query) -> tuple[str, str, list[Any]]:
    """FROM, WHERE and values of a search by relevance: bounded candidates, of which only the best matter."""
    assert query.meaning
    where, values = conditions(replace(query, search="", meaning=None))
    arms, given = [], list[Any]()
    for words in [query.meaning.tsquery("A"), query.meaning.tsquery()] if query.meaning.groups else []:
        arms.append(_ARM.format(source=source(query), where=f"{where} AND p.search @@ %s::tsquery"))
        given += [*values, words, _RANKED]
    if query.meaning.exact or not arms:
        arms.append(_ARM.format(source=source(query), where=f"{where} AND p.id = ANY(%s)"))
        given += [*values, list(query.meaning.exact), _RANKED]
    return (
        _RANKING.format(candidates=" UNION ".join(arms)),
        "true",
        [query.meaning.tsquery(), list(query.meaning.exact), *given],
    )


def conditions(query: Query) -> tuple[str, list[Any]]:
    """The WHERE clause: constant fragments only, every value is a parameter."""
    where, values = ["p.published"], list[Any]()
    if query.meaning is not None:
        _match(query.meaning, where, values)
    if query.category:
        where.append("p.category_id = ANY(%s)")
        values.append(list(query.categories))
    for bound, comparison in ((query.price_min, ">="), (query.price_max, "<=")):
        if bound is not None:
            where.append(f"v.currency = %s AND v.price {comparison} %s")
            values += [env.currency, bound]
    if query.in_stock is not None:
        where.append(_IN_STOCK if query.in_stock else f"NOT {_IN_STOCK}")
    for choice in query.chosen:
        _choose(choice, where, values)
    for bounds in query.ranges:
        where.append(_IN_RANGE)
        values += [bounds.code, bounds.low, bounds.high]
    return " AND ".join(where), values


def _match(meaning: Meaning, where: list[str], values: list[Any]) -> None:
    either = []
    if meaning.groups:
        either.append("p.search @@ %s::tsquery")
        values.append(meaning.tsquery())
    if meaning.exact or not either:  # words that say nothing find nothing
        either.append("p.id = ANY(%s)")
        values.append(list(meaning.exact))
    where.append(f"({' OR '.join(either)})")


def _choose(choice: Chosen, where: list[str], values: list[Any]) -> None:
    if choice.code == "vendor":
        where.append("p.vendor = ANY(%s)")
        values.append(list(choice.values))
    elif choice.code == "tag":
        where.append("p.tags && %s::varchar[]")
        values.append(list(choice.values))
    else:
        where.append("p.facets && %s")
        values.append([f"{choice.code}={value}" for value in choice.values])


_PRODUCTS = "FROM product_product p"
_FIRST_VARIANTS = "JOIN product_variant v ON v.product_id = p.id AND v.position = 0"

# Whole numbers, so that a cursor repeats a rank exactly. What was asked for by its code comes first.
_RANKING = """FROM (
    SELECT found.id, (1000000 * ts_rank(p.search, %s::tsquery, 1))::bigint
        + CASE WHEN p.id = ANY(%s) THEN 100000000 ELSE 0 END AS rank
    FROM ({candidates}) found JOIN product_product p ON p.id = found.id
) ranked"""
_ARM = "(SELECT p.id {source} WHERE {where} ORDER BY p.id DESC LIMIT %s)"

# Not EXISTS: the planner would read all levels for the few products that a page looks at.
_IN_STOCK = """coalesce((
    SELECT true FROM product_variant any_v JOIN product_level l ON l.sku = any_v.sku
    WHERE any_v.product_id = p.id AND l.available > 0 LIMIT 1
), false)"""

_IN_RANGE = """p.id IN (
    SELECT n.product_id FROM product_attributevalue n
    WHERE n.attribute_id = (SELECT id FROM product_attribute WHERE code = %s)
        AND n.number >= coalesce(%s::numeric, '-Infinity') AND n.number <= coalesce(%s::numeric, 'Infinity')
)"""
