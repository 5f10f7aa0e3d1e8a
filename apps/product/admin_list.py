"""The list of products in the admin: how one is found, and what a row shows. Every statement is bounded by an index."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib.admin import SimpleListFilter
from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.product.models import Product, Variant
from shop.backoffice import marks
from shop.backoffice.pages import FOUND

if TYPE_CHECKING:  # unfold is untyped, and its list is one
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

_WORDS = 6  # of a search that count
_TRIGRAM = 3  # characters: shorter words have no trigram, and are looked for as the beginning of a word


@dataclass(frozen=True, slots=True)
class Summary:
    """What a row shows beside the product's own columns. ``available`` is None for an unknown level."""

    sku: str
    variants: int
    lowest: Decimal
    highest: Decimal
    currency: str
    available: int | None
    digest: str
    alt: str

    @property
    def price(self) -> str:
        highest = marks.money(self.highest, self.currency)
        if self.lowest == self.highest:
            return highest
        return f"{marks.money(self.lowest, self.currency).removesuffix(f' {self.currency}')} to {highest}"


class ProductList(ChangeList):
    """Reads what all rows of a page show in one statement."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = list(self.result_list)
        found = summaries(product.pk for product in self.result_list)
        for product in self.result_list:
            product.summary = found.get(product.pk)


def summaries(product_ids: Iterable[int]) -> dict[int, Summary]:
    """Of each product that has a variant: one statement."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARIES, [list(product_ids)])
        return {row[0]: Summary(*row[1:]) for row in cursor.fetchall()}


def found(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    """The newest, ``FOUND`` at most, whose name has every word of ``text``, or a SKU of which begins with it,
    or whose barcode it is.

    Each way is asked for by itself, so that each has its index.
    """
    words = text.replace("\x00", "").split()[:_WORDS]
    if not words:
        return products
    whole = " ".join(words)
    ids = set(products.filter(*map(_named, words)).order_by("-pk").values_list("pk", flat=True)[:FOUND])
    for coded in (Q(sku__startswith=whole), Q(barcode=whole) & ~Q(barcode="")):
        variants = Variant.objects.filter(coded).order_by("sku")
        ids |= set(variants.values_list("product_id", flat=True)[:FOUND])
    return products.filter(pk__in=ids)


def _named(word: str) -> Q:
    if len(word) >= _TRIGRAM:
        return Q(name__iregex=re.escape(word))  # unlike icontains, answered from the trigrams of the name
    begins = re.sub(r"\W", "", word) or "-"
    return Q(search=SearchQuery(f"{begins}:*", search_type="raw", config="simple"))


class StateFilter(SimpleListFilter):
    """Drafts, what is published, and what is going to be."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("published", "Published"), ("scheduled", "Scheduled"), ("draft", "Draft")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        asked = {
            "published": Q(published=True),
            "scheduled": Q(published=False, publish_at__isnull=False),
            "draft": Q(published=False, publish_at__isnull=True),
        }
        return queryset.filter(asked.get(self.value() or "", Q()))


_SUMMARIES = """
SELECT p.id, first.sku, every.number, every.lowest, every.highest, first.currency, every.available,
    coalesce(picture.digest, ''), coalesce(picture.alt, '')
FROM unnest(%s::bigint[]) p (id)
JOIN LATERAL (
    SELECT sku, currency FROM product_variant WHERE product_id = p.id ORDER BY position LIMIT 1
) first ON true
JOIN LATERAL (
    SELECT count(*) AS number, min(price) AS lowest, max(price) AS highest, sum(l.available) AS available
    FROM product_variant v LEFT JOIN product_level l ON l.sku = v.sku WHERE v.product_id = p.id
) every ON true
LEFT JOIN LATERAL (
    SELECT digest, alt FROM product_image WHERE product_id = p.id AND state = 'ready' ORDER BY position, id LIMIT 1
) picture ON true
"""
