"""``python -m tools.demo_catalogue``: write the demo's catalogue, ``apps/product/demo/catalogue.csv``.

The list beside this module is what a person would edit; all else (SKUs, weights, stock, prices of larger sizes, the
pictures' names) follows from it by rule, so that the file is the same at every run.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from zlib import crc32

from apps.product.demo import CATALOGUE

FILE = CATALOGUE

LIST = Path(__file__).with_name("demo_catalogue.txt")

_LARGER = 1.4  # what the larger of two sizes costs, and weighs, as a multiple of the smaller
_COLUMNS = (
    "Handle|Title|Body (HTML)|Vendor|Product Category|Type|Tags|Published|Option1 Name|Option1 Value|Option2 Name|"
    "Option2 Value|Variant SKU|Variant Grams|Variant Inventory Tracker|Variant Inventory Qty|"
    "Variant Inventory Policy|Variant Fulfillment Service|Variant Price|Variant Compare At Price|"
    "Variant Requires Shipping|Variant Taxable|Variant Barcode|Image Src|Image Position|Image Alt Text|Gift Card|"
    "SEO Title|SEO Description|Variant Image|Variant Weight Unit|Variant Tax Code|"
    "Material (product.metafields.custom.material)|Height [cm] (product.metafields.custom.height)|"
    "Dishwasher safe (product.metafields.custom.dishwasher_safe)|Outdoors (product.metafields.custom.outdoors)|"
    "Dimmable (product.metafields.custom.dimmable)|Status"
)
COLUMNS = _COLUMNS.split("|")
_OWN_MATERIAL = {"oak": "Oak", "walnut": "Walnut", "copper": "Copper", "brass": "Brass"}
_NAMED_MATERIALS = (
    "Stoneware", "Porcelain", "Enamel", "Terracotta", "Glass", "Linen", "Velvet", "Corduroy", "Wool", "Cotton",
    "Jute", "Zinc", "Copper", "Brass", "Paper", "Bamboo", "Iron", "Mohair", "Flannel",
)  # fmt: skip

Cells = dict[str, object]


@dataclass(frozen=True)
class Shelf:
    """What the products of one category share."""

    path: str
    kind: str
    vendor: str
    material: str
    height: int
    weight: int
    sizes: tuple[str, ...]
    flag: str


@dataclass(frozen=True)
class Item:
    """One product, as the list has it."""

    shelf: Shelf
    name: str
    colours: tuple[str, ...]
    price: float
    before: float
    text: str
    style: int  # of its picture: neighbours on a shelf look different

    @property
    def handle(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower().replace("'", "")).strip("-")

    @property
    def material(self) -> str:
        """The one in its name, else its only colour's, else the shelf's."""
        named = next((word for word in _NAMED_MATERIALS if word.lower() in self.name.lower()), "")
        return (
            named or (_OWN_MATERIAL.get(self.colours[0], "") if len(self.colours) == 1 else "") or self.shelf.material
        )

    def picture(self, colour: str) -> str:
        """The name that apps.product.demo.draw draws by."""
        return f"{self.shelf.kind}-{colour}-{self.style}.png"


def items() -> Iterator[Item]:
    """All products, in the order of the list."""
    shelf, style = None, count()
    for line in LIST.read_text().splitlines():
        if line.startswith("#"):
            continue
        parts = [part.strip() for part in line.removeprefix("= ").split("|")]
        if line.startswith("= "):
            path, kind, vendor, material, height, weight, sizes, flag = parts
            shelf = Shelf(path, kind, vendor, material, int(height), int(weight), tuple(sizes.split()), flag)
            style = count()
        elif shelf:
            name, colours, price, before, text = parts
            yield Item(shelf, name, tuple(colours.split()), float(price), float(before or 0), text, next(style) % 3)


def rows(item: Item) -> Iterator[Cells]:
    """The variants of a product, its pictures beside the first ones, and the rest of it on the first row."""
    sizes = item.shelf.sizes
    variants = [(colour, size, place) for colour in item.colours for place, size in enumerate(sizes or ("",))]
    named = len(item.colours) > 1
    for number, (colour, size, place) in enumerate(variants):
        cells: Cells = {"Handle": item.handle}
        options = [*([("Colour", colour.capitalize())] if named else []), *([("Size", size)] if size else [])]
        for option, (name, value) in enumerate(options or [("Title", "Default Title")], start=1):
            cells |= {f"Option{option} Value": value} | ({f"Option{option} Name": name} if number == 0 else {})
        cells |= _variant(item, _LARGER**place, colour if named else "", number)
        if place == 0:
            position = item.colours.index(colour) + 1
            said = f"{item.name} in {colour}" if named else item.name
            cells |= {"Image Src": item.picture(colour), "Image Position": position, "Image Alt Text": said}
        yield cells | (_first(item) if number == 0 else {})


def _variant(item: Item, factor: float, colour: str, number: int) -> Cells:
    chance = crc32(f"{item.handle} {number}".encode())
    weight = item.shelf.weight * (0.85 + 0.3 * (crc32(item.handle.encode()) % 100) / 100)
    stock = 0 if chance % 23 == 0 else 4 + chance % 90  # some are sold out, as in any shop
    return {
        "Variant Grams": 10 * round(weight * factor / 10),
        "Variant Inventory Tracker": "shopify",
        "Variant Inventory Qty": stock,
        "Variant Inventory Policy": "deny",
        "Variant Fulfillment Service": "manual",
        "Variant Price": _price(item.price * factor),
        "Variant Compare At Price": _price(item.before * factor) if item.before else "",
        "Variant Requires Shipping": "true",
        "Variant Taxable": "true",
        "Variant Barcode": _barcode(chance),
        "Variant Image": item.picture(colour) if colour else "",
        "Variant Weight Unit": "g",
        "Variant Tax Code": "reduced" if item.shelf.flag == "reduced" else "",
    }


def _first(item: Item) -> Cells:
    shelf = item.shelf
    leaf = shelf.path.rpartition(" > ")[2]
    outside = shelf.flag == "outdoor" or "garden" in item.name.lower()
    tags = [shelf.path.partition(" > ")[0].lower(), item.material.lower(), *(["outdoor"] if outside else [])]
    tags += ["sale"] if item.before else []
    return {
        "Title": item.name,
        "Body (HTML)": f"<p>{item.text}</p>\n<p>{_about(item)}</p>",
        "Vendor": shelf.vendor,
        "Product Category": shelf.path,
        "Type": leaf,
        "Tags": ", ".join(tags),
        "Published": "true",
        "Gift Card": "false",
        "SEO Title": f"{item.name} | {leaf}",
        "SEO Description": item.text,
        "Material (product.metafields.custom.material)": item.material,
        "Height [cm] (product.metafields.custom.height)": _height(item),
        "Dishwasher safe (product.metafields.custom.dishwasher_safe)": _yes(shelf, "dishwasher"),
        "Outdoors (product.metafields.custom.outdoors)": "true" if outside else "",
        "Dimmable (product.metafields.custom.dimmable)": _yes(shelf, "dimmable"),
        "Status": "active",
    }


def _about(item: Item) -> str:
    care = {"dishwasher": " Goes into the dishwasher.", "outdoor": " May stay outside all year."}
    return f"{item.material}, {_height(item)} cm.{care.get(item.shelf.flag, '')}"


def _height(item: Item) -> int:
    return max(round(item.shelf.height * (0.8 + 0.4 * (crc32(item.name.encode()) % 10) / 10)), 1)


def _yes(shelf: Shelf, flag: str) -> str:
    return "true" if shelf.flag == flag else ""


def _price(amount: float) -> str:
    return f"{round(amount * 10) / 10:.2f}"


def _barcode(chance: int) -> str:
    """Thirteen digits of the range that shops use among themselves, with the check digit."""
    digits = f"20{chance:010d}"
    return f"{digits}{-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10}"


def main() -> None:
    """Write the file."""
    with FILE.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        table.writeheader()
        for item in items():
            table.writerows(rows(item))


if __name__ == "__main__":
    main()
