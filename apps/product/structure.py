"""What products are sorted by: the tree of categories, and the attributes they have values of."""

from typing import Any, TypeVar

from django.db import IntegrityError, connection
from django.db.models import ProtectedError

from apps.product.editing import Gone
from apps.product.models import Attribute, Category
from apps.product.services import SlugTaken as SlugTaken
from apps.product.services import catalogue_changed
from shop.transactions import command

Row = TypeVar("Row", Category, Attribute)


class Loop(Exception):
    """A category would be below itself."""


class InUse(Exception):
    """Something is still in it, so it stays."""


@command
def save_category(*, category_id: int | None, name: str, slug: str, parent_id: int | None) -> Category:
    """Create a category (id None), or change one. Raises SlugTaken, Loop, Gone."""
    if category_id is not None and _is_below(parent_id, category_id):
        raise Loop
    category = _saved(Category, category_id, {"name": name, "slug": slug, "parent_id": parent_id})
    catalogue_changed()
    return category


@command
def delete_category(*, category_id: int) -> None:
    """Delete an empty category. Raises InUse while products, or other categories, are in it."""
    try:
        Category.objects.filter(pk=category_id).delete()
    except ProtectedError as exc:
        raise InUse from exc
    catalogue_changed()


@command
def save_attribute(*, attribute_id: int | None, **fields: Any) -> Attribute:
    """Create an attribute (id None), or set ``fields`` of one: ``code`` and ``kind`` only at first.

    Raises SlugTaken, Gone.
    """
    attribute = _saved(Attribute, attribute_id, fields)
    catalogue_changed()
    return attribute


@command
def delete_attribute(*, attribute_id: int) -> None:
    """Delete an attribute that no product has a value of. Raises InUse."""
    try:
        Attribute.objects.filter(pk=attribute_id).delete()
    except ProtectedError as exc:
        raise InUse from exc
    catalogue_changed()


def _saved(model: type[Row], pk: int | None, fields: dict[str, Any]) -> Row:
    """The row, inserted without ``pk``, else updated."""
    rows = model._default_manager
    try:
        if pk is None:
            return rows.create(**fields)
        if not rows.filter(pk=pk).update(**fields):
            raise Gone
    except IntegrityError as exc:
        raise SlugTaken from exc
    return rows.get(pk=pk)


def _is_below(category_id: int | None, other_id: int) -> bool:
    """Whether a category is the other one or hangs below it. Moves wait for each other: two could close a circle."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('product_category'))")
        cursor.execute(_PATH, [category_id])
        return other_id in {pk for (pk,) in cursor.fetchall()}


_PATH = """
WITH RECURSIVE path (id, parent_id) AS (
    SELECT id, parent_id FROM product_category WHERE id = %s
    UNION SELECT c.id, c.parent_id FROM product_category c JOIN path ON c.id = path.parent_id
)
SELECT id FROM path
"""
