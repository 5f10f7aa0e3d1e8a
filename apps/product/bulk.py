"""One change to many products: shown first, then made in one transaction, exactly as it was shown.

A change is one of ``PriceChange``, ``CategoryChange``, ``PublicationChange``. Each says which rows it
would write; the rows' fingerprint travels with the preview, so that what has changed in between is
refused, and so is the second of two clicks.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.product.editing import Stale
from apps.product.models import Category, Product, Variant
from apps.product.services import catalogue_changed
from shop import money
from shop.money import Money
from shop.transactions import command

MOST = 1000  # products of one change: a person looks at what it does before it is done


class TooMany(Exception):
    """More products than one change takes."""


class OutOfRange(Exception):
    """A price would be more than any column holds."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row that would change: ``title`` names it, ``before`` and ``after`` are texts for people."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change would do. ``products`` is how many it touches; ``fingerprint`` names exactly this."""

    lines: list[Line]
    products: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """Set every variant's price to ``amount``, or change it by ``percent``, rounded half up to the currency.

    ``compare_at`` is kept as it is, set to the price of before ("before"), or removed ("none").
    """

    amount: Decimal | None = None
    percent: Decimal = Decimal(0)
    compare_at: str = "keep"

    def planned(self, products: QuerySet[Product]) -> tuple[list[Line], list[int], Callable[[], object]]:
        """Lines, ids of the products, and what writes them. Raises OutOfRange."""
        variants = Variant.objects.filter(product__in=products).select_related("product")
        due = [(variant, *self._of(variant)) for variant in variants.order_by("product_id", "position")]
        due = [each for each in due if (each[0].price, each[0].compare_at_price) != each[1:]]
        lines = [
            Line(f"{v.product.name} · {v.sku}", _price(v, v.price, v.compare_at_price), _price(v, price, compare_at))
            for v, price, compare_at in due
        ]

        def write() -> None:
            for variant, price, compare_at in due:
                variant.price, variant.compare_at_price = price, compare_at
            Variant.objects.bulk_update([each[0] for each in due], ["price", "compare_at_price"], batch_size=1000)

        return lines, [variant.product_id for variant, *_ in due], write

    def _of(self, variant: Variant) -> tuple[Decimal, Decimal | None]:
        exact = variant.price * (1 + self.percent / 100) if self.amount is None else self.amount
        price = Money(exact, variant.currency).amount
        if price >= money.MAX:
            raise OutOfRange
        compare_at = {"keep": variant.compare_at_price, "before": variant.price, "none": None}[self.compare_at]
        return price, compare_at


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChange:
    """Move products to the category ``category_id``."""

    category_id: int

    def planned(self, products: QuerySet[Product]) -> tuple[list[Line], list[int], Callable[[], object]]:
        """As ``PriceChange.planned``."""
        due = list(products.exclude(category=self.category_id).select_related("category").order_by("pk"))
        target = Category.objects.get(pk=self.category_id)
        lines = [Line(product.name, product.category.name, target.name) for product in due]
        ids = [product.pk for product in due]
        return lines, ids, lambda: Product.objects.filter(pk__in=ids).update(category=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationChange:
    """Publish, or withdraw, or have published at ``publish_at``."""

    published: bool
    publish_at: datetime | None = None

    def planned(self, products: QuerySet[Product]) -> tuple[list[Line], list[int], Callable[[], object]]:
        """As ``PriceChange.planned``."""
        after = publication(self.published, self.publish_at)
        seen = [(product, publication(product.published, product.publish_at)) for product in products.order_by("pk")]
        due = [(product, before) for product, before in seen if before != after]
        ids = [product.pk for product, _ in due]

        def write() -> None:
            Product.objects.filter(pk__in=ids).update(published=self.published, publish_at=self.publish_at)

        return [Line(product.name, before, after) for product, before in due], ids, write


Change = PriceChange | CategoryChange | PublicationChange


def preview(*, product_ids: Collection[int], change: Change) -> Plan:
    """What ``apply`` would do. Raises TooMany, OutOfRange."""
    lines, ids, _ = change.planned(_chosen(product_ids))
    return _plan(lines, ids)


@command
def apply(*, product_ids: Collection[int], change: Change, fingerprint: str) -> int:
    """Do what ``preview`` has shown, and say of how many products. Raises Stale if it would be another thing now."""
    products = _chosen(product_ids)
    list(products.select_for_update().order_by("pk").values_list("pk"))
    lines, ids, write = change.planned(products)
    plan = _plan(lines, ids)
    if plan.fingerprint != fingerprint:
        raise Stale
    if not lines:
        return 0
    write()
    Product.objects.filter(pk__in=ids).update(changed_at=Now())
    catalogue_changed()
    return plan.products


def publication(published: bool, publish_at: datetime | None) -> str:
    """The state of a product in words."""
    if published:
        return "Published"
    return f"Scheduled for {publish_at.astimezone(UTC):%-d %B %Y, %H:%M} UTC" if publish_at else "Draft"


def _chosen(product_ids: Collection[int]) -> QuerySet[Product]:
    if len(product_ids) > MOST:
        raise TooMany
    return Product.objects.filter(pk__in=product_ids)


def _plan(lines: list[Line], ids: Iterable[int]) -> Plan:
    touched = sorted(set(ids))
    told = repr((touched, [(line.title, line.before, line.after) for line in lines]))
    return Plan(lines, len(touched), hashlib.sha256(told.encode()).hexdigest())


def _price(variant: Variant, price: Decimal, compare_at: Decimal | None) -> str:
    shown = f"{Money(price, variant.currency).amount:f} {variant.currency}"
    return shown if compare_at is None else f"{shown} (was {Money(compare_at, variant.currency).amount:f})"
