"""``python -m tools.import_bench [ROWS]``: time and peak memory of importing a large file into an empty shop, twice.

It works in a folder of its own, which it removes; memory is that of the importing process alone.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from shop import launch

ROWS = 50_000
_VARIANTS = [(colour, size) for colour in ("Black", "White", "Sea green") for size in ("S", "M", "L")]
_NAMES = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,"
    "Variant Taxable,Image Src,Image Position,Image Alt Text,SEO Title,SEO Description,"
    "Material (product.metafields.custom.material),Height [cm] (product.metafields.custom.height)"
)
_COLUMNS = _NAMES.split(",")


def write(path: Path, rows: int) -> None:
    """A file of ``rows`` rows: products with nine variants and one picture more than these."""
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, _COLUMNS)
        table.writeheader()
        for number in range(rows):
            product, place = divmod(number, len(_VARIANTS) + 1)
            table.writerow({"Handle": f"product-{product}", **_row(product, place)})


def _row(product: int, place: int) -> dict[str, object]:
    picture = {
        "Image Src": f"https://pictures.example.com/{product}-{place}.jpg",
        "Image Position": place + 1,
        "Image Alt Text": f"Product {product}, view {place + 1}",
    }
    if place == len(_VARIANTS):
        return picture
    colour, size = _VARIANTS[place]
    variant = {
        "Option1 Value": colour,
        "Option2 Value": size,
        "Variant Grams": 100 + place,
        "Variant Inventory Qty": (product + place) % 40,
        "Variant Price": f"{10 + product % 90}.{place}9",
        "Variant Compare At Price": f"{20 + product % 90}.00" if place % 2 else "",
        "Variant Taxable": "true",
    }
    return picture | variant | (_first(product) if place == 0 else {})


def _first(product: int) -> dict[str, object]:
    return {
        "Title": f"Product {product}",
        "Body (HTML)": f"<p>What there is to say of number {product}.</p>\n" + "<p>And some more of it.</p>\n" * 8,
        "Vendor": f"Vendor {product % 50}",
        "Product Category": f"Department {product % 5} > Shelf {product % 40}",
        "Type": f"Kind {product % 30}",
        "Tags": f"tag {product % 10}, tag {product % 7}, all",
        "Published": "true",
        "Option1 Name": "Colour",
        "Option2 Name": "Size",
        "SEO Title": f"Buy product {product}",
        "SEO Description": "It is worth its price.",
        "Material (product.metafields.custom.material)": ("Oak", "Steel", "Linen")[product % 3],
        "Height [cm] (product.metafields.custom.height)": 10 + product % 100,
    }


def measured(*arguments: str) -> Iterator[str]:
    """Run a command of manage.py; its output, and what it took."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    yield from process.stdout
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed")
    yield f"{arguments[0]}: {time.monotonic() - began:.1f} s, {usage.ru_maxrss / 1024:.0f} MB at most\n"


def main() -> None:
    """Import a new file twice and export it."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="shop-import-"))
    folder.chmod(0o711)  # as root, the database's own user has to pass
    os.environ["SHOP_VAR"] = str(folder / "var")
    file = folder / "catalogue.csv"
    try:
        write(file, rows)
        print(f"{rows} rows, {file.stat().st_size / 1e6:.1f} MB")
        with launch.environment(os.environ, "tools"):
            commands = (
                ["migrate", "-v", "0"],
                ["import_catalog", str(file)],
                ["import_catalog", str(file)],
                ["export_catalog", str(folder / "out.csv")],
            )
            for command in commands:
                for line in measured(*command):
                    print(line.replace(str(folder), ""), end="")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
