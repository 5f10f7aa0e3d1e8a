"""What a list could be narrowed to, with counts: categories, vendors, tags, options, attributes.

Counted among a bounded number of products, the newest found. The counts of one query are kept in the
process until the catalogue changes: most readers open the same few lists.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db import connection

from apps.product import listing
from apps.product.listing import Query

COUNTED = 2_000  # products found, at most
_VALUES = 50  # of one facet that are shown: those with most products
_CODES = 20  # options and attributes that are shown
_GROUPS = 5000  # counts that one query may bring
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
OF_EVERY_PRODUCT = ("category", "vendor", "tag")


@dataclass(frozen=True, slots=True)
class Code:
    """An option or an attribute by which lists can be narrowed; ``kind`` is "option" or the attribute's."""

    code: str
    name: str
    kind: str
    unit: str


@lru_cache(maxsize=2)
def codes(state: object) -> Mapping[str, Code]:
    """The options and attributes by which lists can be narrowed, in order: one statement, or none.

    ``state`` names the catalogue's state, for which what was read is kept.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CODES_KNOWN)
        return {row[0]: Code(*row) for row in cursor.fetchall() if row[0] not in OF_EVERY_PRODUCT}


def counts(state: object, query: Query) -> Mapping[str, Any]:
    """The facets of a list. ``state`` as above, and of stock too where the query asks for that."""
    return _counts(state, replace(query, ordering="", limit=0))


@lru_cache(maxsize=256)
def _counts(state: object, query: Query) -> Mapping[str, Any]:
    values, counted = _values(query)
    known = codes(state).values()
    return {
        **{name: values[name][:_VALUES] for name in OF_EVERY_PRODUCT},
        "properties": [_property(one, values[one.code]) for one in known if one.code in values][:_CODES],
        "counted": counted,
        "complete": counted < COUNTED,
    }


def _property(code: Code, values: list[dict[str, Any]]) -> dict[str, Any]:
    shown: dict[str, Any] = {"code": code.code, "name": code.name, "kind": code.kind, "unit": code.unit}
    if code.kind == "number":
        texts = [value["value"] for value in values]
        numbers = sorted(
            (text for text in texts if _NUMBER.fullmatch(text)), key=Decimal
        )  # an option may share its code
        shown |= {"min": numbers[0], "max": numbers[-1]} if numbers else {}
    return shown | {"values": values[:_VALUES]}


def _values(query: Query) -> tuple[Mapping[str, list[dict[str, Any]]], int]:
    """Values of each facet with counts, most products first; and how many products were counted.

    What is chosen of a facet does not narrow it: its counts say what choosing another would bring.
    Hence one count of the products found, and one for each facet of which something is chosen.
    """
    own = [choice.code for choice in query.chosen] + [bounds.code for bounds in query.ranges]
    own += ["category"] if query.category else []
    counted_by = {code: number for number, code in enumerate(dict.fromkeys(own), start=1)}
    found, counts, given = [], [], list[Any]()
    for number, code in enumerate(["", *counted_by]):
        others = query.without(code)
        where, values = listing.conditions(others)
        found.append(_FOUND.format(number=number, source=listing.source(others), where=where))
        counts.append(_COUNTS.format(number=number))
        given += [*values, COUNTED]
    with connection.cursor() as cursor:
        sql = f"WITH RECURSIVE {_TREE}, {', '.join(found)} {' UNION ALL '.join(counts)} ORDER BY 5 DESC, 3 LIMIT %s"
        cursor.execute(sql, [*given, _GROUPS])
        rows = cursor.fetchall()
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    total = 0
    for number, code, value, name, count in rows:
        if not code and not number:
            total = count
        elif number == counted_by.get(code, 0):
            shown[code].append({"value": value, "name": name, "count": count})
    return shown, total


_CODES_KNOWN = """
SELECT code, name, kind, unit FROM (
    SELECT code, name, kind, unit, 0 AS place, position FROM product_attribute WHERE filterable
    UNION ALL
    SELECT o.code, o.name, 'option', '', 1, 0 FROM product_optionname o
    WHERE NOT EXISTS (SELECT FROM product_attribute a WHERE a.code = o.code)
) known ORDER BY place, position, code
"""

# UNION, not UNION ALL: a loop of parents ends.
_TREE = """
tree (root, id) AS (
    SELECT id, id FROM product_category
    UNION SELECT tree.root, c.id FROM product_category c JOIN tree ON c.parent_id = tree.id
)
"""

_FOUND = """
found{number} AS MATERIALIZED (
    SELECT p.category_id, p.vendor, p.tags, p.facets {source} WHERE {where} ORDER BY p.id DESC LIMIT %s
)
"""

_COUNTS = """
(SELECT {number}, '', '', '', count(*) FROM found{number})
UNION ALL
(
    SELECT {number}, 'category', c.slug, c.name, sum(own.products)::bigint
    FROM (SELECT category_id, count(*) AS products FROM found{number} GROUP BY category_id) own
    JOIN tree ON tree.id = own.category_id JOIN product_category c ON c.id = tree.root
    GROUP BY c.slug, c.name
)
UNION ALL
(SELECT {number}, 'vendor', vendor, vendor, count(*) FROM found{number} WHERE vendor <> '' GROUP BY vendor)
UNION ALL
(SELECT {number}, 'tag', tag, tag, count(*) FROM found{number}, unnest(tags) tag GROUP BY tag)
UNION ALL
(
    SELECT {number}, split_part(facet, '=', 1), value, value, count(*)
    FROM found{number}, unnest(facets) facet, substr(facet, strpos(facet, '=') + 1) value
    WHERE split_part(facet, '=', 1) NOT IN ('category', 'vendor', 'tag') GROUP BY facet, value
)
"""
