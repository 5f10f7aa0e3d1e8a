"""SKUs of variants whose rows name none: derived from handle and option values, and stable."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from apps.product.drafts import VariantDraft
from apps.product.importing.problems import Problems
from apps.product.importing.products import ReadProduct
from apps.product.models import Variant

_LONGEST = 64

Owners = Mapping[str, str]  # SKU -> slug of the product whose variant has it
Choice = frozenset[tuple[str, str]]  # the options of a variant


class Skus:
    """Finds the SKUs of one file. A given SKU wins; then the one this choice has in the shop already;
    then one made of handle and option values, with a digest of them where it is too long, says too
    little, or is another variant's.
    """

    def __init__(self, given: Iterable[str], *, column: str) -> None:
        self._used = set(given)
        self._column = column

    def assign(self, products: Sequence[ReadProduct], problems: Problems) -> list[tuple[VariantDraft, ...]]:
        """The variants of each product with their SKUs, in two queries. Reports what is another product's."""
        kept = _kept([product.draft.slug for product in products])
        owners = _owners(_candidates(products))
        for product in products:
            self._check(product, owners, problems)
        return [self._named(product, kept.get(product.draft.slug, {}), owners) for product in products]

    def _check(self, product: ReadProduct, owners: Owners, problems: Problems) -> None:
        for variant in product.variants:
            owner = owners.get(variant.draft.sku, product.draft.slug)
            if owner != product.draft.slug:
                problems.add(variant.line, self._column, f"{variant.draft.sku} is a SKU of the product {owner}")

    def _named(self, product: ReadProduct, kept: Mapping[Choice, str], owners: Owners) -> tuple[VariantDraft, ...]:
        slug = product.draft.slug
        drafts = [variant.draft for variant in product.variants]
        for place, draft in enumerate(drafts):  # all that is kept before anything new: it has the older right
            sku = kept.get(frozenset(draft.options.items()), "")
            if not draft.sku and sku and sku not in self._used:
                drafts[place] = self._use(draft, sku)
        for place, draft in enumerate(drafts):
            if not draft.sku:
                free = (sku for sku in forms(slug, draft.options.values()) if self._free(sku, slug, owners))
                drafts[place] = self._use(draft, next(free))
        return tuple(drafts)

    def _free(self, sku: str, slug: str, owners: Owners) -> bool:
        return sku not in self._used and owners.get(sku, slug) == slug

    def _use(self, draft: VariantDraft, sku: str) -> VariantDraft:
        self._used.add(sku)
        return replace(draft, sku=sku)


def forms(handle: str, values: Collection[str]) -> Iterator[str]:
    """SKUs that handle and option values make, the shortest first: CLAY-PLANT-POT-LARGE, then with digests."""
    parts = [_slug(part) for part in (handle, *values)]
    plain = "-".join(part for part, _ in parts if part).upper()
    if plain and len(plain) <= _LONGEST and not any(lossy for _, lossy in parts):
        yield plain
    digest = hashlib.sha256("\0".join((handle, *values)).encode()).hexdigest().upper()
    for length in (8, 16, 32):
        start = plain[: _LONGEST - length - 1].rstrip("-._") or "P"
        yield f"{start}-{digest[:length]}"


def _slug(text: str) -> tuple[str, bool]:
    """Letters, digits and dots of ``text``, and whether others were lost on the way (accents are not)."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    slug = re.sub(r"[^a-z0-9.]+", "-", "".join(c for c in folded if not unicodedata.combining(c))).strip("-.")
    lossy = not slug or any(c.isalnum() and not c.isascii() and not unicodedata.combining(c) for c in folded)
    return slug, lossy


def _kept(slugs: Collection[str]) -> dict[str, dict[Choice, str]]:
    kept: dict[str, dict[Choice, str]] = {}
    rows = Variant.objects.filter(product__slug__in=slugs).values_list("product__slug", "options", "sku")
    for slug, options, sku in rows.order_by("product_id", "position", "id"):
        kept.setdefault(slug, {}).setdefault(frozenset(options.items()), sku)
    return kept


def _candidates(products: Iterable[ReadProduct]) -> set[str]:
    """Every SKU that variants of ``products`` may end up with."""
    wanted: set[str] = set()
    for product in products:
        for variant in product.variants:
            made = forms(product.draft.slug, variant.draft.options.values())
            wanted |= {variant.draft.sku} if variant.draft.sku else set(made)
    return wanted


def _owners(skus: Collection[str]) -> Owners:
    return dict(Variant.objects.filter(sku__in=skus).values_list("sku", "product__slug"))
