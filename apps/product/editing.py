"""One product as a person edits it on one page: all of it at once, or nothing.

What a file may say of a product too goes the way of files (``putting``); what no file knows, uploads
and their order, related products, is written here in the same transaction.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from apps.product.drafts import ImageDraft, ProductDraft
from apps.product.models import Product
from apps.product.services import SlugTaken, catalogue_changed, put_products_step
from shop.transactions import command


class Gone(Exception):
    """Nobody can change this any more: it was deleted meanwhile."""


class Stale(Exception):
    """Somebody else has saved this since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What the page says. The draft's own pictures are ignored: they are rows here, by id.

    ``pictures`` maps ids to alternative texts, in order; one that it does not name stays, behind
    them, unless ``removed`` names it. ``shown`` maps SKUs to the picture of the variant; ``related``
    lists ids of products.
    """

    draft: ProductDraft
    pictures: Mapping[int, str] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    shown: Mapping[str, int] = field(default_factory=dict)
    related: tuple[int, ...] = ()


@command
def add_product(*, edit: Edit) -> Product:
    """Create a product under the draft's slug. Raises SlugTaken, SkuTaken, UnknownAttribute."""
    draft = edit.draft
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [draft.slug, draft.name, draft.category[-1][0]])
        row = cursor.fetchone()
    if row is None:
        raise SlugTaken(draft.slug)
    return _make_equal(Product.objects.get(pk=row[0]), edit)


@command
def save_product(*, product_id: int, seen_at: datetime, edit: Edit) -> Product:
    """Make a product equal to ``edit``, which was made from its state of ``seen_at`` (``changed_at``).

    Raises Stale, Gone, SkuTaken, UnknownAttribute.
    """
    product = _locked(product_id)
    if product.changed_at != seen_at:
        raise Stale
    return _make_equal(product, edit)


@command
def delete_product(*, product_id: int) -> None:
    """Delete a product with its variants, pictures and reviews. Orders keep what they say of it. Raises Gone."""
    _locked(product_id).delete()
    catalogue_changed()


def _locked(product_id: int) -> Product:
    product = Product.objects.select_for_update().filter(pk=product_id).first()
    if product is None:
        raise Gone
    return product


def _make_equal(product: Product, edit: Edit) -> Product:
    removed, _ = product.images.filter(pk__in=edit.removed).delete()
    kept = tuple(ImageDraft(address=i.address, alt=i.alt) for i in product.images.all() if i.address)
    put = put_products_step(drafts=[replace(edit.draft, slug=product.slug, images=kept)])
    rows = [{"id": pk, "alt": alt, "position": position} for position, (pk, alt) in enumerate(edit.pictures.items())]
    written = _run(_ARRANGE, product, rows)
    written += _run(_SHOW, product, [{"sku": sku, "image_id": pk} for sku, pk in edit.shown.items()])
    others = [{"other_id": pk, "position": position} for position, pk in enumerate(edit.related)]
    written += _run(_UNRELATE, product, others) + _run(_RELATE, product, others)
    if put.created or put.changed or removed or written:
        Product.objects.filter(pk=product.pk).update(changed_at=Now())
        catalogue_changed()
    return product


def _run(statement: str, product: Product, rows: list[dict[str, Any]]) -> int:
    """How many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, {"product": product.pk, "rows": json.dumps(rows)})
        return int(cursor.rowcount)


# A row under the slug before anything is made equal: of two that add the same one, the second waits and is refused.
_CLAIM = """
INSERT INTO product_product (slug, name, category_id) SELECT %s, %s, id FROM product_category WHERE slug = %s
ON CONFLICT (slug) DO NOTHING RETURNING id
"""

_ARRANGE = """
UPDATE product_image i SET alt = fresh.alt, position = fresh.position
FROM jsonb_to_recordset(%(rows)s::jsonb) AS fresh(id bigint, alt text, position int)
WHERE i.id = fresh.id AND i.product_id = %(product)s
    AND (i.alt, i.position) IS DISTINCT FROM (fresh.alt, fresh.position)
"""

_SHOW = """
UPDATE product_variant v SET image_id = fresh.image_id
FROM (
    SELECT own.id, i.id AS image_id
    FROM product_variant own
    LEFT JOIN jsonb_to_recordset(%(rows)s::jsonb) AS new(sku text, image_id bigint) ON new.sku = own.sku
    LEFT JOIN product_image i ON i.id = new.image_id AND i.product_id = own.product_id
    WHERE own.product_id = %(product)s
) fresh
WHERE v.id = fresh.id AND v.image_id IS DISTINCT FROM fresh.image_id
"""

_RELATED = "jsonb_to_recordset(%(rows)s::jsonb) AS new(other_id bigint, position int)"
_UNRELATE = f"""
DELETE FROM product_related r WHERE r.product_id = %(product)s
    AND NOT EXISTS (SELECT FROM {_RELATED} WHERE new.other_id = r.other_id)
"""  # noqa: S608  # of constants
_RELATE = f"""
INSERT INTO product_related AS r (product_id, other_id, position)
SELECT %(product)s, p.id, new.position FROM {_RELATED} JOIN product_product p ON p.id = new.other_id
WHERE p.id <> %(product)s
ON CONFLICT (product_id, other_id) DO UPDATE SET position = excluded.position
WHERE r.position <> excluded.position
"""  # noqa: S608  # of constants
