"""Category paths of a file, told by names, as the shop's own categories: told by slugs."""

import hashlib
from collections.abc import Sequence

from django.utils.text import slugify

from apps.product.models import Category

Path = tuple[tuple[str, str], ...]  # (slug, name) from the root

_LONGEST = 80
UNCATEGORISED: Path = (("uncategorised", "Uncategorised"),)


class Shelves:
    """Looks paths up. One that the shop has, by its names, keeps its slugs; a new category's slug is
    made of its whole path, for there are "Accessories" in many places.
    """

    def __init__(self) -> None:
        self._ids: dict[tuple[int | None, str], int] = {}  # (parent, name) -> category
        self._slugs: dict[int, str] = {}
        for pk, slug, name, parent in Category.objects.order_by("id").values_list("id", "slug", "name", "parent_id"):
            self._ids.setdefault((parent, name.casefold()), pk)
            self._slugs[pk] = slug
        self._taken: dict[str, tuple[str, ...]] = dict.fromkeys(self._slugs.values(), ())

    def path(self, names: Sequence[str], slugs: Sequence[str] = ()) -> Path:
        """The path of ``names``; ``slugs`` are the file's own, which hold."""
        if slugs:
            return tuple(zip(slugs, names, strict=True))
        path: list[tuple[str, str]] = []
        parent: int | None = None
        known = True
        for depth, name in enumerate(names, start=1):
            found = self._ids.get((parent, name.casefold())) if known else None
            known, parent = found is not None, found
            slug = self._slugs[found] if found is not None else self._new_slug(tuple(names[:depth]))
            path.append((slug, name))
        return tuple(path)

    def _new_slug(self, names: tuple[str, ...]) -> str:
        folded = tuple(name.casefold() for name in names)
        slug = "-".join(filter(None, map(slugify, names))) or "category"
        if len(slug) > _LONGEST or self._taken.setdefault(slug[:_LONGEST], folded) != folded:
            digest = hashlib.sha256("\0".join(folded).encode()).hexdigest()[:8]
            slug = f"{slug[: _LONGEST - 9].rstrip('-')}-{digest}"
        return slug
