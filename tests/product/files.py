"""Product files for tests: in Shopify's format, as its exports look, with the quirks they have."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from apps.product.importing import services
from apps.product.importing.catalogue_file import CatalogueFile

_NAMES = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price,"
    "Variant Compare At Price,Variant Taxable,Variant Barcode,Image Src,Image Position,Image Alt Text,Gift Card,"
    "SEO Title,SEO Description,Google Shopping / Google Product Category,Variant Image,Variant Weight Unit,"
    "Variant Tax Code,Material (product.metafields.custom.material),Height [cm] (product.metafields.custom.height),"
    "Dishwasher safe (product.metafields.custom.dishwasher)"
)
HEADER = _NAMES.split(",")

PLAIN = {"Option1 Name": "Title", "Option1 Value": "Default Title", "Variant Price": "10", "Published": "true"}


def table(*rows: Mapping[str, object], delimiter: str = ",", extra: tuple[str, ...] = ()) -> str:
    """A file with one line per row, the first of which is line 2."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, [*HEADER, *extra], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


# Variants in rows without a title, a row with a picture only, a product without options, a text over two lines.
POTS = table(
    {
        "Handle": "clay-pot",
        "Title": "Clay pot",
        "Body (HTML)": '<p>For "plants".</p>\n<p>Two sizes.</p>',
        "Vendor": "Potter",
        "Type": "Outdoor",
        "Tags": "Pot, Plants",
        "Published": "true",
        "Option1 Name": "Size",
        "Option1 Value": "Regular",
        "Variant Grams": "400",
        "Variant Inventory Qty": "1",
        "Variant Price": "9.99",
        "Variant Taxable": "true",
        "Image Src": "https://pictures.example.com/pot.jpg",
        "Image Position": "1",
        "Image Alt Text": "A pot",
        "SEO Title": "Pots",
        "SEO Description": "Buy a pot.",
        "Material (product.metafields.custom.material)": "Clay",
        "Height [cm] (product.metafields.custom.height)": "12.5",
        "Dishwasher safe (product.metafields.custom.dishwasher)": "false",
    },
    {
        "Handle": "clay-pot",
        "Option1 Value": "Large",
        "Variant Grams": "900",
        "Variant Inventory Qty": "3",
        "Variant Price": "15.99",
        "Variant Compare At Price": "20",
        "Variant Taxable": "false",
        "Variant Barcode": "'0401234567890",
        "Variant Image": "https://pictures.example.com/large.jpg",
    },
    {"Handle": "clay-pot", "Image Src": "https://pictures.example.com/large.jpg", "Image Position": "2"},
    {
        "Handle": "copper-light",
        "Title": "Copper light",
        "Published": "false",
        "Option1 Name": "Title",
        "Option1 Value": "Default Title",
        "Variant SKU": "light.7",
        "Variant Inventory Qty": "0",
        "Variant Price": "59.99",
        "Variant Compare At Price": "75",
        "Variant Tax Code": "reduced",
        "Google Shopping / Google Product Category": "Home & Garden > Lighting",
        "Height [cm] (product.metafields.custom.height)": "30",
    },
)


def opened(path: Path, content: str | bytes, *, currency: str = "EUR") -> CatalogueFile:
    """``content`` written to ``path``, as a catalogue file."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CatalogueFile(lambda: path.open("rb"), currency=currency)


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""


def bring_in(path: Path, content: str | bytes, *, currency: str = "EUR") -> services.Counts:
    """Import ``content``."""
    return services.apply(file=opened(path, content, currency=currency), batch=uuid4(), progress=silent)
