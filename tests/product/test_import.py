"""A catalogue comes in and goes out: all of a file or nothing, the same once as twice."""

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.inventory import services as inventory
from apps.inventory.models import Movement
from apps.product.importing.problems import Problems
from apps.product.models import Product, Revision, StockOpening
from shop import jobs
from shop.celery import app
from tests.product.files import PLAIN, POTS, bring_in, opened, silent, table
from tests.product.snapshot import catalogue
from tools.import_bench import write

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "catalogue.csv"


@pytest.fixture
def run() -> Run:
    """Run a command; what it writes."""

    def call(*arguments: str) -> str:
        out = io.StringIO()
        call_command(*arguments, stdout=out, stderr=out, no_color=True)
        return out.getvalue()

    return call


def _revision() -> int:
    return sum(Revision.objects.values_list("number", flat=True))


def test_importing_twice_changes_nothing(path: Path) -> None:
    """Neither a product, nor what clients have kept, nor the stock that is on its way."""
    first = bring_in(path, POTS)
    assert (first.created, first.changed, first.unchanged, first.stocked) == (2, 0, 0, 2)
    before, revision, openings = catalogue(), _revision(), StockOpening.objects.count()
    again = bring_in(path, POTS)
    assert (again.created, again.changed, again.unchanged, again.stocked) == (0, 0, 2, 0)
    assert (catalogue(), _revision(), StockOpening.objects.count()) == (before, revision, openings)


def test_of_a_file_with_bad_rows_nothing_is_applied(path: Path, run: Run) -> None:
    """Exactly these are named, by line and column; the good ones before and after are not taken either."""
    path.write_text(POTS)
    run("import_catalog", str(path))
    before, revision = catalogue(), _revision()
    good = [PLAIN | {"Handle": f"new-{number}", "Title": "New"} for number in range(4)]
    bad = [
        PLAIN | {"Handle": "free", "Title": "Free", "Variant Price": "free"},
        PLAIN | {"Handle": "nameless"},
        PLAIN | {"Handle": "half", "Title": "Half", "Variant Inventory Qty": "0.5"},
    ]
    path.write_text(table(good[0], bad[0], good[1], bad[1], good[2], bad[2], good[3]))
    with pytest.raises(CommandError) as refusal:
        run("import_catalog", str(path))
    assert refusal.value.returncode == 1
    assert str(refusal.value).splitlines() == [
        f'{path}: line 3, Variant Price: "free" is not an amount like 19.99',
        f"{path}: line 5, Title: is missing",
        f'{path}: line 7, Variant Inventory Qty: "0.5" is not a whole number',
        "3 bad cells: nothing was imported",
    ]
    assert (catalogue(), _revision()) == (before, revision)


def test_what_turns_bad_while_it_is_applied_undoes_all_of_it(path: Path) -> None:
    """The file is validated again as it is applied, in one transaction: batches before a bad row go too."""
    rows = [PLAIN | {"Handle": f"x{number}", "Title": "X"} for number in range(1200)]
    with pytest.raises(Exception, match="1 bad cells"):
        bring_in(path, table(*rows, PLAIN | {"Handle": "bad"}))
    assert not Product.objects.exists()
    assert not StockOpening.objects.exists()


def test_a_file_makes_its_products_equal_to_it(path: Path) -> None:
    """What it no longer names of a product goes; products it does not name stay."""
    bring_in(path, POTS)
    smaller = table(PLAIN | {"Handle": "clay-pot", "Title": "Clay pot", "Type": "Outdoor"})
    done = bring_in(path, smaller)
    assert (done.created, done.changed, done.unchanged) == (0, 1, 0)
    assert [product["slug"] for product in catalogue()["products"]] == ["clay-pot", "copper-light"]
    assert [variant["sku"] for variant in catalogue()["products"][0]["variants"]] == ["CLAY-POT"]


def test_importing_again_after_a_sale_leaves_stock_alone(path: Path) -> None:
    """The quantities of a file are those of a first day; the ledger knows better since."""
    bring_in(path, POTS)
    _until_quiet()
    assert _available() == {"CLAY-POT-REGULAR": 1, "CLAY-POT-LARGE": 3}
    inventory.adjust(
        kind=inventory.MovementKind.WRITE_OFF, sku="CLAY-POT-LARGE", warehouse="main", delta=-2, reason="", actor=""
    )
    _until_quiet()
    movements = Movement.objects.count()
    assert bring_in(path, POTS.replace(",3,15.99", ",9,15.99")).stocked == 0
    _until_quiet()
    assert _available() == {"CLAY-POT-REGULAR": 1, "CLAY-POT-LARGE": 1}
    assert Movement.objects.count() == movements


def _until_quiet() -> None:
    app.loader.import_default_modules()  # every role's jobs, as a worker has them
    for _ in range(20):
        if not jobs.run_all():
            return
    raise AssertionError("the jobs go on finding work")


def _available() -> dict[str, int]:
    variants = [variant for product in catalogue()["products"] for variant in product["variants"]]
    return {variant["sku"]: variant["units"] for variant in variants if variant["units"]}


def test_what_goes_out_comes_in_equal(path: Path, run: Run) -> None:
    """Import, export, import into an empty shop: the same shop, and the same file."""
    bring_in(path, POTS, currency="USD")
    quirks = {
        "Handle": "quirks",
        "Title": 'A "quoted", title;',
        "Body (HTML)": "<p>ünï</p>\n\n<p>two</p>",
        "Vendor": "=1+1",
        "Option1 Name": "Size",
        "Option1 Value": "½ l",
        "Variant Price": "0",
        "Variant Inventory Qty": "7",
        "Category Slugs": "cook > pots",
        "Type": "Kitchen > Pots",
        "Publish At": "2031-02-03T04:05:06+01:00",
        "Published": "false",
        "Option4 Name": "Lid",
        "Option4 Value": "no",
    }
    more = ("Category Slugs", "Publish At", "Option4 Name", "Option4 Value")
    bring_in(path, table(quirks, extra=more), currency="USD")
    before = catalogue()
    run("export_catalog", str(path))
    content = path.read_bytes()
    call_command("flush", interactive=False, verbosity=0, reset_sequences=False)  # the rows that come back have ids
    assert not Product.objects.exists()
    run("import_catalog", str(path), "--currency", "USD")
    assert catalogue() == before
    run("export_catalog", str(path))
    assert path.read_bytes() == content


def test_a_dry_run_says_what_would_change(path: Path, run: Run) -> None:
    """Products to come, and fields before and after; nothing is written."""
    path.write_text(POTS)
    assert "+ clay-pot\n+ copper-light\n2 created, 0 changed, 0 unchanged; opening stock for 2 SKUs" in run(
        "import_catalog", str(path), "--dry-run"
    )
    assert not Product.objects.exists()
    run("import_catalog", str(path))
    path.write_text(POTS.replace("9.99", "8.99").replace("Copper light", "Copper lamp").replace(",30,", ",30,yes", 1))
    said = run("import_catalog", str(path), "--dry-run")
    assert "~ clay-pot CLAY-POT-REGULAR price: '9.99' -> '8.99'" in said
    assert "~ copper-light name: 'Copper light' -> 'Copper lamp'" in said
    assert "0 created, 2 changed, 0 unchanged" in said


def test_a_new_attribute_is_a_change(path: Path, run: Run) -> None:
    """Of products that are there, too."""
    row = PLAIN | {"Handle": "x", "Title": "X"}
    bring_in(path, table(row))
    path.write_text(
        table(
            row | {"Colour (product.metafields.custom.colour)": "red"},
            extra=("Colour (product.metafields.custom.colour)",),
        )
    )
    said = run("import_catalog", str(path), "--dry-run")
    assert "new attribute colour: text\n~ x colour: '' -> 'red'\n0 created, 1 changed" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.csv"], "missing.csv: No such file or directory"),
        (["."], ".: Is a directory"),
        (["{path}", "--currency", "euro"], "--currency euro: a code of three capital letters, like EUR"),
        (["{path}"], "{path}: The file is empty."),
    ],
    ids=["missing", "folder", "currency", "empty"],
)
def test_refusals_are_one_line(path: Path, run: Run, arguments: list[str], said: str) -> None:
    """Which says what to do about it."""
    path.touch()
    with pytest.raises(CommandError) as refusal:
        run("import_catalog", *(argument.format(path=path) for argument in arguments))
    assert str(refusal.value) == said.format(path=path)


def test_prices_in_two_currencies_are_not_exported(path: Path, run: Run) -> None:
    """The format has no column for them."""
    bring_in(path, POTS, currency="USD")
    bring_in(path, table(PLAIN | {"Handle": "x", "Title": "X"}), currency="EUR")
    with pytest.raises(CommandError, match="prices are in EUR, USD"):
        run("export_catalog", str(path))


def test_memory_does_not_grow_with_the_file(path: Path) -> None:
    """Three times the rows: what the importer holds at most hardly changes."""
    peaks = {}
    for rows in (1_500, 4_500):
        write(path, rows)
        file = opened(path, path.read_bytes())
        tracemalloc.start()
        for _ in file.batches(Problems(), silent):
            pass
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[4_500] < peaks[1_500] * 1.3
