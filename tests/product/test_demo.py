"""The catalogue that a first start brings in, and its pictures."""

import csv
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import ImageStat

from apps.product.demo import CATALOGUE, draw
from apps.product.importing import named_pictures, services
from apps.product.importing.catalogue_file import CatalogueFile
from apps.product.models import Attribute, Category, Image, Product, StockOpening, Variant
from shop import context
from tests.product.files import PLAIN, bring_in, silent, table
from tools import demo_catalogue

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_demo_catalogue_comes_in_clean() -> None:
    """About 200 products with 500 variants over a real tree, all of them with a picture that can be drawn."""
    file = CatalogueFile(lambda: CATALOGUE.open("rb"), currency="EUR")
    counts = services.apply(file=file, batch=uuid4(), progress=silent)
    assert file.table.header.unknown == []
    assert 190 <= counts.created == Product.objects.filter(published=True).count() <= 210
    assert 450 <= Variant.objects.count() <= 550
    assert 25 <= Category.objects.count() <= 45
    assert Attribute.objects.count() == 5
    assert StockOpening.objects.count() == counts.stocked > 400
    assert not Product.objects.filter(images=None).exists()
    kinds = {name.split("-")[0] for name in Image.objects.values_list("address", flat=True)}
    assert kinds == set(draw.KINDS)
    assert Variant.objects.filter(tax_class="reduced").exists()
    assert Variant.objects.filter(compare_at_price__isnull=False).count() > 50


def test_the_file_is_what_its_list_makes() -> None:
    """Nobody edits it by hand, and no two products of the list are told apart by their places."""
    made = [row for item in demo_catalogue.items() for row in demo_catalogue.rows(item)]
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        kept = list(csv.DictReader(file))
    assert kept == [{column: str(row.get(column, "")) for column in demo_catalogue.COLUMNS} for row in made]
    assert max(Counter(item.handle for item in demo_catalogue.items()).values()) == 1


@pytest.mark.parametrize("kind", sorted(draw.KINDS))
def test_every_kind_is_drawn_in_every_style(kind: str) -> None:
    """Square, large enough for the largest thumbnail, the same at every run, and different by style and colour."""
    drawn = [draw.draw(f"{kind}-{look}.png") for look in ("blue-0", "blue-1", "blue-2", "red-0")]
    assert {picture.size for picture in drawn} == {(960, 960)}
    assert len({picture.tobytes() for picture in drawn}) == 4
    assert min(sum(ImageStat.Stat(picture).stddev) for picture in drawn) > 20
    assert draw.draw(f"{kind}-blue-0.png").tobytes() == drawn[0].tobytes()


def test_named_pictures_get_the_files_handed_over(tmp_path: Path) -> None:
    """A job gives each its file; one whose file did not come fails, until it does."""
    bring_in(
        tmp_path / "file.csv",
        table(*(PLAIN | {"Handle": f"x{n}", "Title": "X", "Image Src": f"mug-blue-{n}.png"} for n in range(2))),
    )
    folder = tmp_path / "pictures"
    folder.mkdir()
    draw.draw_into(folder, ["mug-blue-0.png", "mug-red-0.png"])
    assert named_pictures.hand_over(folder) == 1
    _store_all()
    assert _states() == {"mug-blue-0.png": "ready", "mug-blue-1.png": "failed"}
    draw.draw_into(folder, ["mug-blue-1.png"])
    assert named_pictures.hand_over(folder) == 1
    _store_all()
    assert _states() == {"mug-blue-0.png": "ready", "mug-blue-1.png": "ready"}


def _store_all() -> None:
    with context.working_as("product"):
        while named_pictures.store_due():
            pass


def _states() -> dict[str, str]:
    return dict(Image.objects.values_list("address", "state"))
