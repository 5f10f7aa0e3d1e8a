"""A list's query parameters, read: the fixed ones, and those named after options and attributes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from apps.product import catalogue, facets, listing, search
from apps.product.facets import Code
from apps.product.listing import Chosen, Cursor, Query, Range
from apps.product.serializers import ProductsQuery
from shop.pagination import CursorPagination
from shop.problems import Problem

_MULTIPLE = ("vendor", "tag")  # fixed parameters of which one of several values may be asked for
_FIXED = frozenset(ProductsQuery().fields)
_CHOICES = 10  # facets of which one request may choose
_VALUES = 50  # of one facet

Given = tuple[tuple[str, tuple[str, ...]], ...]


def asked(request: Request, state: object) -> tuple[Query, Cursor | None]:
    """The page that a request asks for; ``state`` names the catalogue's. Raises ValidationError, Problem."""
    given = [(name, tuple(value for value in values if value)) for name, values in request.query_params.lists()]
    fixed = tuple((name, values[-1]) for name, values in given if name in _FIXED and values)
    others = tuple((name, values) for name, values in given if values and (name in _MULTIPLE or name not in _FIXED))
    query, cursor = _fixed(fixed)
    if query.search:
        query = replace(query, meaning=search.meaning(query.search))
    if query.category:
        query = replace(query, categories=catalogue.below(state, query.category))
    if others:
        chosen, ranges = _narrowed(others, facets.codes(state))
        query = replace(query, chosen=chosen, ranges=ranges)
    return query, cursor


@lru_cache(maxsize=512)  # a serializer copies its fields for each use, and shoppers ask the same few things
def _fixed(given: tuple[tuple[str, str], ...]) -> tuple[Query, Cursor | None]:
    read = ProductsQuery(data=dict(given))
    read.is_valid(raise_exception=True)
    values: dict[str, Any] = {name: value for name, value in read.validated_data.items() if name not in _MULTIPLE}
    cursor = values.pop("cursor", None)
    query = Query(**values)
    try:
        return query, listing.cursor_of(cursor, ordering=query.order) if cursor else None
    except listing.InvalidCursor:
        raise Problem(400, "invalid", errors={"cursor": [CursorPagination.invalid_cursor_message]}) from None


def _narrowed(given: Given, known: Mapping[str, Code]) -> tuple[tuple[Chosen, ...], tuple[Range, ...]]:
    """What is chosen of options and attributes. A parameter that names none is none of this list's."""
    chosen = [Chosen(name, _texts(name, values)) for name, values in given if name in known or name in _MULTIPLE]
    bounds: dict[str, dict[str, Decimal]] = {}
    for name, code, side, value in _bounds(given, known):
        bounds.setdefault(code, {})[side] = _number(name, value)
    if len(chosen) + len(bounds) > _CHOICES:
        raise _refused(chosen[-1].code if chosen else next(iter(bounds)), f"At most {_CHOICES} facets at a time.")
    return tuple(chosen), tuple(Range(code, **sides) for code, sides in bounds.items())


def _bounds(given: Given, known: Mapping[str, Code]) -> Iterator[tuple[str, str, str, str]]:
    for name, values in given:
        code, _, side = name.rpartition("_")
        if side in {"min", "max"} and code in known and known[code].kind == "number":
            yield name, code, "low" if side == "min" else "high", values[-1]


def _texts(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    if len(values) > _VALUES:
        raise _refused(name, f"At most {_VALUES} values.")
    text = serializers.CharField(max_length=200)
    try:
        return tuple(text.run_validation(value) for value in values)
    except serializers.ValidationError as exc:
        raise Problem(400, "invalid", errors={name: exc.detail}) from None


def _number(name: str, value: str) -> Decimal:
    try:
        return Decimal(serializers.DecimalField(max_digits=16, decimal_places=4).run_validation(value))
    except serializers.ValidationError as exc:
        raise Problem(400, "invalid", errors={name: exc.detail}) from None


def _refused(name: str, message: str) -> Problem:
    return Problem(400, "invalid", errors={name: [message]})
