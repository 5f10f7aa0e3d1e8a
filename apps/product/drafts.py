"""Products as a file, or another program, wants them to be: the whole of what it says of each.

Frozen, and made of plain values: they are read before, and outside, any transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shop.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDraft:
    """One SKU. ``image`` is the address of one of the product's images; weight in grams."""

    sku: str
    price: Money
    options: Mapping[str, str] = field(default_factory=dict)
    compare_at: Decimal | None = None
    barcode: str = ""
    tax_class: str = "standard"
    weight_g: int = 0
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDraft:
    """A picture to be fetched from ``address``."""

    address: str
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDraft:
    """A product with all its variants, the first of which stands for it in lists; ``slug`` is its identity.

    ``category`` is a path of (slug, name) from the root, of which what is missing is made; an empty
    one leaves a product where it is, and puts a new one into "other". ``attributes`` maps codes to
    values of the attribute's kind.
    """

    slug: str
    name: str
    variants: tuple[VariantDraft, ...]
    description: str = ""
    category: tuple[tuple[str, str], ...] = ()
    vendor: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()
    published: bool = False
    publish_at: datetime | None = None
    option_names: tuple[str, ...] = ()
    images: tuple[ImageDraft, ...] = ()
    seo_title: str = ""
    seo_description: str = ""
    attributes: Mapping[str, str | Decimal | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What ``services.put_products`` did: slugs of products, and how many it did not have to write."""

    created: list[str]
    changed: list[str]
    unchanged: int


class Fate(StrEnum):
    """What putting a draft does to the catalogue."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What putting one draft would do; ``fields`` maps what changes to (before, after), as text for people."""

    slug: str
    fate: Fate
    fields: Mapping[str, tuple[str, str]] = field(default_factory=dict)
