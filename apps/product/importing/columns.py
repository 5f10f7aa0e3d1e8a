"""The columns of a Shopify product file, as its older and its newer exports name them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# Each field with the names its column goes by; the first is the one the export writes.
NAMES: Mapping[str, tuple[str, ...]] = {
    "handle": ("Handle", "URL handle"),
    "title": ("Title",),
    "description": ("Body (HTML)", "Description"),
    "vendor": ("Vendor",),
    "category": ("Product Category",),
    "google_category": ("Google Shopping / Google Product Category",),
    "category_slugs": ("Category Slugs",),  # this shop's own: what addresses call the categories by
    "type": ("Type",),
    "tags": ("Tags",),
    "published": ("Published", "Published on online store"),
    "publish_at": ("Publish At",),  # this shop's own: RFC 3339
    "status": ("Status",),
    "sku": ("Variant SKU", "SKU"),
    "grams": ("Variant Grams", "Weight value (grams)"),
    "quantity": ("Variant Inventory Qty", "Inventory quantity"),
    "price": ("Variant Price", "Price"),
    "compare_at": ("Variant Compare At Price", "Compare-at price"),
    "taxable": ("Variant Taxable", "Charge tax"),
    "tax_code": ("Variant Tax Code", "Tax code"),
    "barcode": ("Variant Barcode", "Barcode"),
    "image": ("Image Src", "Product image URL"),
    "image_position": ("Image Position",),
    "image_alt": ("Image Alt Text",),
    "variant_image": ("Variant Image", "Variant image URL"),
    "seo_title": ("SEO Title",),
    "seo_description": ("SEO Description",),
}
REQUIRED = ("handle", "title", "price")
_FIELDS = {name.casefold(): field for field, names in NAMES.items() for name in names}
_OPTION = re.compile(r"option(\d{1,2}) (name|value)", re.IGNORECASE)
_METAFIELD = re.compile(
    r"(?P<name>.+?)(?: \[(?P<unit>[^\]]{1,16})\])? \(product\.metafields\.(?P<space>[^.]+)\.(?P<key>.+)\)"
)
# Columns of the format that have no meaning here.
_UNUSED = re.compile(
    r"variant (inventory tracker|inventory policy|fulfillment service|requires shipping|weight unit)|gift card"
    r"|inventory tracker|continue selling when out of stock|fulfillment service|requires shipping"
    r"|weight unit for display|cost per item|option\d linked to|unit price .*|google shopping / .*|included / .*"
    r"|price / .*|compare at price / .*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeColumn:
    """A metafield's column: "Height [cm] (product.metafields.custom.height)"."""

    title: str
    index: int
    code: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionColumns:
    """The pair "Option1 Name", "Option1 Value"; an index is None where the column is missing."""

    number: int
    name: int | None
    value: int | None


class Header:
    """The first row: where each field is, and what its column is called."""

    def __init__(self, titles: Sequence[str]) -> None:
        self.titles = [title.strip() for title in titles]
        self.fields: dict[str, int] = {}
        self.twice: list[str] = []
        self.unknown: list[str] = []
        self.attributes: list[AttributeColumn] = []
        self._options: dict[int, dict[str, int]] = {}
        for index, title in enumerate(self.titles):
            self._place(index, title)

    @property
    def known(self) -> int:
        """How many columns mean something."""
        return len(self.fields) + len(self._options) + len(self.attributes)

    @property
    def options(self) -> list[OptionColumns]:
        return [
            OptionColumns(number=number, name=found.get("name"), value=found.get("value"))
            for number, found in sorted(self._options.items())
        ]

    def missing(self) -> Iterator[str]:
        """Names of columns without which there are no products."""
        return (NAMES[field][0] for field in REQUIRED if field not in self.fields)

    def title_of(self, field: str) -> str:
        """What the file calls the column of ``field``; its usual name where it has none."""
        index = self.fields.get(field)
        return NAMES[field][0] if index is None else self.titles[index]

    def _place(self, index: int, title: str) -> None:
        if (field := _FIELDS.get(title.casefold())) is not None:
            self._once(self.fields, field, index)
        elif option := _OPTION.fullmatch(title):
            self._once(self._options.setdefault(int(option[1]), {}), option[2].casefold(), index)
        elif metafield := _METAFIELD.fullmatch(title):
            self._attribute(index, title, metafield)
        elif title and not _UNUSED.fullmatch(title):
            self.unknown.append(title)

    def _once(self, places: dict[str, int], key: str, index: int) -> None:
        if key in places:
            self.twice.append(self.titles[index])
        places.setdefault(key, index)

    def _attribute(self, index: int, title: str, found: re.Match[str]) -> None:
        code = attribute_code(found["key"])
        if any(code == column.code for column in self.attributes):
            code = attribute_code(f"{found['space']}-{found['key']}")
        column = AttributeColumn(
            title=title, index=index, code=code, name=found["name"].strip()[:80], unit=found["unit"] or ""
        )
        self.attributes.append(column)


def attribute_code(key: str) -> str:
    """A metafield's key as an attribute's code: a slug of 40 characters at most."""
    return re.sub(r"[^a-z0-9_-]+", "-", key.casefold())[:40].strip("-") or "attribute"
