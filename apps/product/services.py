"""What the catalogue does: products come in, change, and follow inventory's levels."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models.functions import Now
from django.utils.text import slugify

from apps.product import putting
from apps.product.drafts import Difference, ProductDraft, Put
from apps.product.drafts import VariantDraft as VariantDraft
from apps.product.errors import SkuTaken as SkuTaken
from apps.product.errors import UnknownAttribute as UnknownAttribute
from apps.product.errors import UnknownSku as UnknownSku
from apps.product.errors import WrongKind as WrongKind
from apps.product.models import Attribute, AttributeValue, Category, Product, Related, StockOpening, Variant
from shop import wake
from shop.money import Money
from shop.transactions import command, step

_BATCH = 1000  # products published in one go


class UnknownCategory(Exception):
    """No category has this slug."""


class UnknownRelated(Exception):
    """No other product has this SKU."""


class SlugTaken(Exception):
    """Another category has this slug."""


@command
def create_category(*, slug: str, name: str, parent: str = "") -> Category:
    """Create a category, below the one with the slug ``parent`` if given. Raises SlugTaken, UnknownCategory."""
    created = Category(slug=slug, name=name, parent=_category(parent) if parent else None)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_CATEGORY, [slug, name, created.parent_id])
        row = cursor.fetchone()
    if row is None:
        raise SlugTaken(slug)
    created.pk = row[0]
    catalogue_changed()
    return created


@command
def create_product(*, name: str, category: str, variants: Sequence[VariantDraft], **details: Any) -> Product:
    """Create a product with its variants, the first of which stands for it in lists.

    ``details`` as of ``change_product``. Raises UnknownCategory, SkuTaken, UnknownAttribute,
    WrongKind, UnknownRelated.
    """
    product = Product(name=name, category=_category(category))
    _insert(product, first_sku=variants[0].sku)
    putting.add_variants(product.pk, variants)
    option_names = list(dict.fromkeys(name for draft in variants for name in draft.options))
    _describe(product, option_names=option_names, **details)
    catalogue_changed()
    return product


@command
def change_product(*, sku: str, prices: Mapping[str, Money] | None = None, **details: Any) -> Product:
    """Change the product that ``sku`` belongs to; what is not given stays.

    ``prices`` are of its variants, by SKU. ``details`` are columns of Product, ``category`` as a slug,
    ``attributes`` (code -> text, None takes it away) and ``related`` (SKUs of other products, all of
    them, in order). Raises UnknownSku, UnknownCategory, UnknownAttribute, WrongKind, UnknownRelated.
    """
    product = Product.objects.select_for_update(of=("self",)).filter(variants__sku=sku).first()
    if product is None:
        raise UnknownSku(sku)
    _describe(product, **details)
    _set_prices(product, prices or {})
    catalogue_changed()
    return product


@command
def create_attribute(**columns: Any) -> Attribute:
    """Create an attribute; ``columns`` are the model's."""
    created = Attribute.objects.create(**columns)
    catalogue_changed()
    return created


@command
def publish_due() -> int:
    """Publish the products whose time has come; how many."""
    due = Product.objects.filter(published=False, publish_at__lte=Now()).order_by("publish_at")[:_BATCH]
    published = Product.objects.filter(pk__in=due.values("pk")).update(published=True, changed_at=Now())
    if published:
        catalogue_changed()
    return published


@command
def put_products(*, drafts: Sequence[ProductDraft]) -> Put:
    """Create the products of ``drafts``, or make them equal; all or none. A repeat changes nothing.

    Variants and pictures that a draft does not name are removed, uploads excepted; a picture whose
    address stays keeps its file. Raises SkuTaken, UnknownAttribute, WrongKind.
    """
    done = put_products_step(drafts=drafts)
    if done.created or done.changed:
        catalogue_changed()
    return done


@step
def put_products_step(*, drafts: Sequence[ProductDraft]) -> Put:
    """``put_products`` for a caller with more to put: it calls ``catalogue_changed`` once, at its end."""
    return putting.put(drafts)


def diff(drafts: Sequence[ProductDraft]) -> list[Difference]:
    """What ``put_products`` would do, in the order of ``drafts``. Raises UnknownAttribute, WrongKind."""
    return putting.diff(drafts)


@step
def open_stock_later(*, batch: UUID, units: Mapping[str, int]) -> None:
    """Have inventory told of the first units of each SKU, once this transaction has committed.

    What was noted for the same batch before stays as it is.
    """
    rows = [StockOpening(batch=batch, sku=sku, quantity=quantity) for sku, quantity in units.items()]
    StockOpening.objects.bulk_create(rows, ignore_conflicts=True, batch_size=5000)
    wake.after_commit("product", "open_stock")


@step
def apply_levels(*, levels: Sequence[Mapping[str, object]]) -> None:
    """Take over ``{"sku", "available", "sequence"}`` of each SKU, unless a newer one is known."""
    with connection.cursor() as cursor:
        cursor.execute(_APPLY_LEVELS, [json.dumps(levels)])


@step
def catalogue_changed() -> None:
    """Make answers kept by clients stale. The last statement of a transaction: see Revision."""
    with connection.cursor() as cursor:
        cursor.execute(_RAISE)


def _category(slug: str) -> Category:
    found = Category.objects.filter(slug=slug).first()
    if found is None:
        raise UnknownCategory(slug)
    return found


def _describe(
    product: Product,
    *,
    category: str = "",
    attributes: Mapping[str, str | None] | None = None,
    related: Sequence[str] | None = None,
    **columns: Any,
) -> None:
    if category:
        columns["category"] = _category(category)
    Product.objects.filter(pk=product.pk).update(**columns, changed_at=Now())
    if attributes:
        _set_attributes(product, attributes)
    if related is not None:
        _relate(product, related)


def _set_attributes(product: Product, values: Mapping[str, str | None]) -> None:
    known = {attribute.code: attribute for attribute in Attribute.objects.filter(code__in=values)}
    for code in values:
        if code not in known:
            raise UnknownAttribute(code)
    AttributeValue.objects.filter(product=product, attribute__code__in=values).delete()
    AttributeValue.objects.bulk_create(
        AttributeValue(product=product, attribute=known[code], **_column(known[code], value))
        for code, value in values.items()
        if value is not None
    )


def _column(attribute: Attribute, value: str) -> dict[str, Any]:
    """The column in which a value of this attribute is kept. Raises WrongKind."""
    if attribute.kind == Attribute.Kind.NUMBER:
        return {"number": _number(attribute, value)}
    if not value or (attribute.kind == Attribute.Kind.BOOLEAN and value not in {"true", "false"}):
        raise WrongKind(attribute.code)
    return {"text": value}


def _number(attribute: Attribute, value: str) -> Decimal:
    try:
        return Decimal(forms.DecimalField(max_digits=16, decimal_places=4).clean(value))
    except ValidationError:
        raise WrongKind(attribute.code) from None


def _relate(product: Product, skus: Sequence[str]) -> None:
    others = dict(Variant.objects.filter(sku__in=skus).exclude(product=product).values_list("sku", "product_id"))
    for sku in skus:
        if sku not in others:
            raise UnknownRelated(sku)
    Related.objects.filter(product=product).delete()
    ids = dict.fromkeys(others[sku] for sku in skus)
    Related.objects.bulk_create(
        Related(product=product, other_id=other, position=position) for position, other in enumerate(ids)
    )


def _insert(product: Product, *, first_sku: str) -> None:
    """Insert under the first slug that is free: the name's, then with the SKU, which is unique itself."""
    plain = slugify(product.name)[:120] or "product"
    with connection.cursor() as cursor:
        for slug in (plain, f"{plain}-{slugify(first_sku)}", f"{plain}-{uuid4().hex}"):
            cursor.execute(
                _INSERT_PRODUCT,
                [slug, product.name, product.category_id],
            )
            if row := cursor.fetchone():
                product.pk, product.slug = row[0], slug
                return


def _set_prices(product: Product, prices: Mapping[str, Money]) -> None:
    variants = {variant.sku: variant for variant in product.variants.filter(sku__in=prices)}
    for sku, price in prices.items():
        if sku not in variants:
            raise UnknownSku(sku)
        variants[sku].price, variants[sku].currency = price.amount, price.currency
    Variant.objects.bulk_update(variants.values(), ["price", "currency"])


_INSERT_CATEGORY = """
INSERT INTO product_category (slug, name, parent_id)
VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING RETURNING id
"""

_INSERT_PRODUCT = """
INSERT INTO product_product (slug, name, category_id) VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING RETURNING id
"""

_RAISE = """
INSERT INTO product_revision AS revision DEFAULT VALUES
ON CONFLICT (id) DO UPDATE SET number = revision.number + 1, products = revision.number + 1
"""

# One statement, whatever the number of SKUs; in SKU order, so that two of them cannot deadlock.
_APPLY_LEVELS = """
WITH told AS (
    SELECT DISTINCT ON (sku) sku, available, sequence
    FROM jsonb_to_recordset(%s::jsonb) AS level(sku text, available int, sequence bigint)
    ORDER BY sku, sequence DESC
), applied AS (
    INSERT INTO product_level AS level (sku, available, sequence)
    SELECT sku, available, sequence FROM told ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET available = excluded.available, sequence = excluded.sequence
    WHERE level.sequence < excluded.sequence
    RETURNING sku
)
INSERT INTO product_revision AS revision (id) SELECT 1 WHERE EXISTS (SELECT FROM applied)
ON CONFLICT (id) DO UPDATE SET number = revision.number + 1
"""
