"""The catalogue as a file that ``import_catalog`` reads, and Shopify too."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TextIO

from apps.product.importing.columns import NAMES
from apps.product.importing.products import EXEMPT, STANDARD
from apps.product.models import Attribute, Category, Image, Level, Product, StockOpening, Variant
from shop.money import Money

_BATCH = 500  # products in memory together
_FEWEST_OPTIONS = 3  # the format always has as many

Cells = dict[str, str]


class SeveralCurrencies(Exception):
    """Prices are in more than one currency, and the format has no column for it."""


def currency_of_all() -> str | None:
    """The one currency of all prices; None without any. Raises SeveralCurrencies."""
    found = list(Variant.objects.order_by("currency").values_list("currency", flat=True).distinct())
    if len(found) > 1:
        raise SeveralCurrencies(", ".join(found))
    return found[0] if found else None


class Writer:
    """Writes products, oldest first, with what inventory last said is available of each SKU."""

    def __init__(self, out: TextIO) -> None:
        self._attributes = list(Attribute.objects.order_by("position", "name", "id"))
        self._categories = {category.pk: category for category in Category.objects.all()}
        self._options = _most_options()
        self._csv = csv.DictWriter(out, self._columns())

    def write(self) -> tuple[int, int]:
        """Write all; how many products, and how many uploaded pictures have no address to be written."""
        self._csv.writeheader()
        written = left_out = 0
        for product, units in _products():
            pictures = list(product.images.all())
            addressed = [image for image in pictures if image.address]
            left_out += len(pictures) - len(addressed)
            self._csv.writerows(self._rows(product, addressed, units))
            written += 1
        return written, left_out

    def _columns(self) -> list[str]:
        options = [f"Option{number} {part}" for number in range(1, self._options + 1) for part in ("Name", "Value")]
        fields = {field: names[0] for field, names in NAMES.items() if field != "google_category"}
        places = list(fields)
        before, after = places[: places.index("sku")], places[places.index("sku") :]
        attributes = map(_attribute_column, self._attributes)
        return [*map(fields.get, before), *options, *map(fields.get, after), *_CONSTANT, *attributes]  # type: ignore[list-item]

    def _rows(self, product: Product, images: Sequence[Image], units: Mapping[str, int]) -> Iterator[Cells]:
        """A variant and a picture to each row; the first has what is the product's."""
        first = self._product(product) | _CONSTANT
        variants = list(product.variants.all())
        for number, (variant, image) in enumerate(zip_longest(variants, images)):
            cells = {NAMES["handle"][0]: product.slug} | (first if number == 0 else {})
            cells |= self._variant(product, variant, named=number == 0) if variant else {}
            cells |= _named({"quantity": str(units.get(variant.sku, 0))}) if variant else {}
            cells |= _image(image, number + 1) if image else {}
            yield cells

    def _product(self, product: Product) -> Cells:
        path = list(self._path(product.category_id))
        own = {
            "title": product.name,
            "description": product.description,
            "vendor": product.vendor,
            "category": " > ".join(category.name for category in path),
            "category_slugs": " > ".join(category.slug for category in path),
            "type": product.kind,
            "tags": ", ".join(product.tags),
            "published": _said(product.published),
            "publish_at": product.publish_at.isoformat() if product.publish_at else "",
            "status": "active" if product.published else "draft",
            "seo_title": product.seo_title,
            "seo_description": product.seo_description,
        }
        values = {value.attribute_id: value.shown for value in product.attribute_values.all()}
        described = {_attribute_column(each): values[each.pk] for each in self._attributes if each.pk in values}
        return _named(own) | described

    def _path(self, category_id: int | None) -> Iterator[Category]:
        if category_id is not None:
            category = self._categories[category_id]
            yield from self._path(category.parent_id)
            yield category

    def _variant(self, product: Product, variant: Variant, *, named: bool) -> Cells:
        compare_at = variant.compare_at_price
        own = {
            "sku": variant.sku,
            "grams": str(variant.weight_g),
            "price": _amount(variant.price, variant.currency),
            "compare_at": "" if compare_at is None else _amount(compare_at, variant.currency),
            "taxable": _said(variant.tax_class != EXEMPT),
            "tax_code": "" if variant.tax_class in {STANDARD, EXEMPT} else variant.tax_class,
            "barcode": variant.barcode,
            "variant_image": variant.image.address if variant.image else "",
        }
        return _named(own) | _options(product, variant, named=named)


def _products() -> Iterator[tuple[Product, Mapping[str, int]]]:
    """Every product, and the units of its SKUs among those of its batch."""
    last = 0
    everything = Product.objects.order_by("id").prefetch_related(
        "variants__image", "images", "attribute_values__attribute"
    )
    while batch := list(everything.filter(id__gt=last)[:_BATCH]):
        units = units_of([variant.sku for product in batch for variant in product.variants.all()])
        yield from ((product, units) for product in batch)
        last = batch[-1].pk


def units_of(skus: Sequence[str]) -> Mapping[str, int]:
    """What is available; of what inventory has not told of yet, what it is about to be told."""
    coming = StockOpening.objects.filter(sku__in=skus).order_by("id").values_list("sku", "quantity")
    levels = Level.objects.filter(sku__in=skus).values_list("sku", "available")
    return {**dict(coming), **dict(levels)}


def _most_options() -> int:
    longest = Product.objects.order_by("-option_names__len").values_list("option_names__len", flat=True).first()
    return max(longest or 0, _FEWEST_OPTIONS)


def _options(product: Product, variant: Variant, *, named: bool) -> Cells:
    names = list(product.option_names)
    if not names:
        return {"Option1 Name": "Title" if named else "", "Option1 Value": "Default Title"}
    cells: Cells = {}
    for number, name in enumerate(names, start=1):
        cells[f"Option{number} Name"] = name if named else ""
        cells[f"Option{number} Value"] = str(variant.options.get(name, ""))
    return cells


def _image(image: Image, position: int) -> Cells:
    return _named({"image": image.address, "image_position": str(position), "image_alt": image.alt})


def _named(cells: Mapping[str, str]) -> Cells:
    return {NAMES[field][0]: cell for field, cell in cells.items()}


def _attribute_column(attribute: Attribute) -> str:
    unit = f" [{attribute.unit}]" if attribute.unit else ""
    return f"{attribute.name}{unit} (product.metafields.custom.{attribute.code})"


def _amount(amount: object, currency: str) -> str:
    return Money.parse(str(amount), currency).json()["amount"]


def _said(value: bool) -> str:
    return "true" if value else "false"


# What Shopify wants to be told and this shop does not: stock is counted, never oversold, and sent.
_CONSTANT: Cells = {
    "Variant Inventory Tracker": "shopify",
    "Variant Inventory Policy": "deny",
    "Variant Fulfillment Service": "manual",
    "Variant Requires Shipping": "true",
    "Variant Weight Unit": "g",
    "Gift Card": "false",
}
