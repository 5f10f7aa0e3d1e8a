"""What a product file says, row by row, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from apps.product.importing import services
from apps.product.importing.problems import Unreadable
from apps.product.importing.skus import forms
from tests.product.files import PLAIN, POTS, bring_in, opened, silent, table
from tests.product.snapshot import catalogue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "catalogue.csv"


def _bad(path: Path, content: str | bytes) -> list[tuple[int, str, str]]:
    with pytest.raises(services.BadRows) as refusal:
        services.validate(file=opened(path, content), progress=silent)
    return [(problem.line, problem.column, problem.message) for problem in refusal.value.problems]


def _products(path: Path, content: str | bytes) -> dict[str, Any]:
    bring_in(path, content)
    return {product["slug"]: product for product in catalogue()["products"]}


def test_a_product_is_all_its_rows(path: Path) -> None:
    """Variants from rows without a title, a picture from a row of its own, texts over several lines."""
    pot = _products(path, POTS)["clay-pot"]
    regular, large = pot["variants"]
    assert pot["description"] == '<p>For "plants".</p>\n<p>Two sizes.</p>'
    assert (pot["vendor"], pot["kind"], pot["tags"]) == ("Potter", "Outdoor", ["Pot", "Plants"])
    assert (pot["seo_title"], pot["seo_description"], pot["published"]) == ("Pots", "Buy a pot.", True)
    assert pot["images"] == [
        ("https://pictures.example.com/pot.jpg", "A pot"),
        ("https://pictures.example.com/large.jpg", ""),
    ]
    assert pot["option_names"] == ["Size"]
    assert (regular["sku"], regular["options"], regular["weight_g"]) == ("CLAY-POT-REGULAR", {"Size": "Regular"}, 400)
    assert (large["sku"], str(large["price"]), str(large["compare_at"])) == ("CLAY-POT-LARGE", "15.990", "20.000")
    assert (large["barcode"], large["tax_class"]) == ("0401234567890", "exempt")
    assert (regular["image"], large["image"]) == (None, "https://pictures.example.com/large.jpg")
    assert (regular["units"], large["units"]) == (1, 3)


def test_default_title_is_no_option(path: Path) -> None:
    """A given SKU wins over the derived; no published column says no without a reason."""
    light = _products(path, POTS)["copper-light"]
    assert light["option_names"] == []
    (only,) = light["variants"]
    assert (only["sku"], only["options"], only["tax_class"]) == ("light.7", {}, "reduced")
    assert not light["published"]


def test_attributes_take_the_kind_of_their_values(path: Path) -> None:
    """All numbers, all true or false, else text; what the shop has keeps its kind."""
    products = _products(path, POTS)
    assert catalogue()["attributes"] == [
        ("dishwasher", "Dishwasher safe", "boolean", ""),
        ("height", "Height", "number", "cm"),
        ("material", "Material", "text", ""),
    ]
    assert products["clay-pot"]["attributes"] == {"material": "Clay", "height": "12.5", "dishwasher": "false"}
    height = "Height [cm] (product.metafields.custom.height)"
    said = '"tall" is not a number, as all values of this attribute are'
    assert _bad(path, table(PLAIN | {"Handle": "x", "Title": "X", height: "tall"})) == [(2, height, said)]


def test_categories_come_from_the_best_column_there_is(path: Path) -> None:
    """Product Category, else Google's, else the type, else none, which new products are told apart by."""
    columns = ("Product Category", "Google Shopping / Google Product Category", "Type")
    rows = [
        PLAIN | {"Handle": f"x{place}", "Title": "X", **dict.fromkeys(columns[place:], f"Home > Shelf {place}")}
        for place in range(4)
    ]
    numbered = PLAIN | {"Handle": "numbered", "Title": "X", columns[1]: "4171", "Type": "Lamp"}
    products = _products(path, table(*rows, numbered, extra=columns[:1]))
    found = {slug: product["category"] for slug, product in products.items()}
    assert found == {
        "x0": "home-shelf-0",
        "x1": "home-shelf-1",
        "x2": "home-shelf-2",
        "x3": "uncategorised",
        "numbered": "lamp",
    }
    assert ("home-shelf-0", "Shelf 0", "home") in catalogue()["categories"]


def test_a_category_that_is_there_keeps_its_slug(path: Path) -> None:
    """It is found by its names; a product the file does not sort stays where it is."""
    bring_in(
        path,
        table(
            PLAIN | {"Handle": "x", "Title": "X", "Type": "Kitchen", "Category Slugs": "cook"},
            extra=("Category Slugs",),
        ),
    )
    assert _products(path, table(PLAIN | {"Handle": "y", "Title": "Y", "Type": "kitchen"}))["y"]["category"] == "cook"
    assert _products(path, table(PLAIN | {"Handle": "y", "Title": "Y"}))["y"]["category"] == "cook"


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("Title", "", "is missing"),
        ("Title", "x" * 201, "has 201 characters, 200 at most"),
        ("Handle", "a/b", "may have letters a to z, digits, '-' and '_', 200 characters at most"),
        ("Published", "perhaps", '"perhaps" is neither true nor false'),
        ("Variant Price", "", "is missing"),
        ("Variant Price", "1,000.00", '"1,000.00" is not an amount like 19.99'),
        ("Variant Price", "-1", '"-1" is not an amount like 19.99'),
        ("Variant Price", "1e3", '"1e3" is not an amount like 19.99'),
        ("Variant Price", "9.999", "EUR has 2 decimals"),
        ("Variant Price", "999999999999", "the amount is out of range"),
        ("Variant Compare At Price", "x", '"x" is not an amount like 19.99'),
        ("Variant Inventory Qty", "2.5", '"2.5" is not a whole number'),
        ("Variant Inventory Qty", "1000001", "is more than 1000000 units"),
        ("Variant Grams", "heavy", '"heavy" is not a weight in grams'),
        ("Variant SKU", "A/B", "may have letters, digits, '.', '_' and '-', 64 characters at most"),
        ("Variant Barcode", "4.01E+12", "4.01E+12 was shortened by a spreadsheet: format the column as text"),
        ("Variant Taxable", "no way", '"no way" is neither true nor false'),
        ("Tags", "x" * 61, f'"{"x" * 60}..." is longer than 60 characters'),
        ("Image Src", "ftp://x/y.png", "is neither an http(s) address nor the name of a picture file"),
        ("Image Src", "http://[x/y.png", "is neither an http(s) address nor the name of a picture file"),
        ("Image Src", "../secret.png", "is neither an http(s) address nor the name of a picture file"),
        ("Image Position", "first", '"first" is not a position like 1'),
        (
            "Google Shopping / Google Product Category",
            "A > > B",
            'is not a path like "Furniture > Chairs", with 10 names of 120 characters at most',
        ),
        ("Option2 Value", "red", '"red" belongs to no option'),
        ("Vendor", "a\0b", "holds a zero byte"),
    ],
    ids=lambda value: value[:20].replace("\0", "0") if isinstance(value, str) else None,
)
def test_a_bad_cell_is_named(path: Path, column: str, cell: str, said: str) -> None:
    """By the line of its row, its column and what is wrong with it; alone."""
    row = PLAIN | {"Handle": "x", "Title": "X", "Option1 Name": "Size", "Option1 Value": "L"}
    assert _bad(path, POTS + table(row | {column: cell}).split("\n", 1)[1]) == [(7, column, said)]


def test_every_bad_cell_of_a_file_is_named(path: Path) -> None:
    """On the line its row starts on, whatever lines the texts before it go over."""
    long = PLAIN | {"Handle": "long", "Title": "Long", "Body (HTML)": "one\ntwo\n\nfour"}
    bad = PLAIN | {"Handle": "bad", "Variant Price": "free", "Variant Inventory Qty": "x"}
    assert [(line, column) for line, column, _ in _bad(path, table(long, bad, long | {"Handle": ""}))] == [
        (6, "Title"),
        (6, "Variant Inventory Qty"),
        (6, "Variant Price"),
        (7, "Handle"),
    ]


def test_the_number_of_problems_told_is_bounded(path: Path) -> None:
    """The first hundred, and how many there are."""
    file = opened(path, table(*(PLAIN | {"Handle": f"x{number}"} for number in range(150))))
    with pytest.raises(services.BadRows) as refusal:
        services.validate(file=file, progress=silent)
    assert (len(refusal.value.problems), refusal.value.total) == (100, 150)


def test_rows_of_a_product_follow_each_other(path: Path) -> None:
    """One that comes later may belong to it, or be a second product under its handle: somebody has to look."""
    rows = [PLAIN | {"Handle": handle, "Title": "X"} for handle in ("a", "b", "a")]
    said = "a began on line 2: the rows of a product must follow each other"
    assert _bad(path, table(*rows)) == [(4, "Handle", said)]


def test_variants_differ(path: Path) -> None:
    """In their options, and in the SKUs they are given."""
    first = {"Handle": "x", "Title": "X", "Option1 Name": "Size", "Option1 Value": "S", "Variant Price": "1"}
    again = {"Handle": "x", "Option1 Value": "S", "Variant Price": "1"}
    lacking = {"Handle": "x", "Variant Price": "1"}
    renamed = {"Handle": "x", "Option1 Name": "Length", "Option1 Value": "M", "Variant Price": "1"}
    assert _bad(path, table(first, again, lacking, renamed)) == [
        (3, "Option1 Value", "is the same variant as on line 2"),
        (4, "Option1 Value", "is missing: every variant has a Size"),
        (5, "Option1 Name", "differs from the product's first row, Size"),
    ]
    twice = [PLAIN | {"Handle": handle, "Title": "X", "Variant SKU": "S-1"} for handle in "ab"]
    assert _bad(path, table(*twice)) == [(3, "Variant SKU", "S-1 is used on line 2 too")]


def test_a_sku_of_another_product_is_not_taken(path: Path) -> None:
    """The row that claims it is named."""
    bring_in(path, POTS)
    claim = table(PLAIN | {"Handle": "new", "Title": "New", "Variant SKU": "light.7"})
    assert _bad(path, claim) == [(2, "Variant SKU", "light.7 is a SKU of the product copper-light")]


@pytest.mark.parametrize(
    ("handle", "values", "sku"),
    [
        ("clay-plant-pot", ["Large"], "CLAY-PLANT-POT-LARGE"),
        ("shirt", ["Größe 8.5", "été"], "SHIRT-GROSSE-8.5-ETE"),
        ("_x_", [], "X"),
    ],
    ids=["plain", "accents", "trimmed"],
)
def test_a_derived_sku_reads_well(handle: str, values: list[str], sku: str) -> None:
    """Handle and option values in capitals; accents are dropped."""
    assert next(forms(handle, values)) == sku


@pytest.mark.parametrize("values", [["x" * 90], ["红"], ["L 红"]], ids=["long", "foreign", "half foreign"])
def test_a_sku_that_would_say_too_little_has_a_digest(values: list[str]) -> None:
    """64 characters at most; texts in other scripts differ by it."""
    made, other = next(forms("shirt", values)), next(forms("shirt", [values[0] + "蓝"]))
    assert len(made) <= 64
    assert made != other
    assert made.startswith("SHIRT-")


def test_derived_skus_that_would_be_the_same_differ_and_stay(path: Path) -> None:
    """Whichever comes first in the file: what the shop has, it keeps."""
    both = [
        {"Handle": "a", "Title": "A", "Option1 Name": "X", "Option1 Value": "b c", "Variant Price": "1"},
        {"Handle": "a-b", "Title": "A b", "Option1 Name": "X", "Option1 Value": "c", "Variant Price": "1"},
        {"Handle": "z", "Title": "Z", "Option1 Name": "X", "Option1 Value": "m", "Variant Price": "1"},
        {"Handle": "z", "Option1 Value": "M", "Variant Price": "1"},
    ]
    first = _products(path, table(*both))
    skus = [variant["sku"] for product in first.values() for variant in product["variants"]]
    assert len(set(skus)) == 4
    assert {"A-B-C", "Z-M"} <= set(skus)
    assert (
        _products(
            path, table(both[1], both[0], both[2] | {"Option1 Value": "M"}, both[3] | {"Option1 Value": "m"})
        ).keys()
        == first.keys()
    )
    after = {product["slug"]: product for product in catalogue()["products"]}
    assert {sku["sku"] for product in after.values() for sku in product["variants"]} == set(skus)
    assert after["z"]["variants"] == first["z"]["variants"][::-1]


def test_a_sku_given_in_the_shop_stays_when_the_file_gives_none(path: Path) -> None:
    """The variant is known by its options."""
    row = {"Handle": "x", "Title": "X", "Option1 Name": "Size", "Option1 Value": "S", "Variant Price": "1"}
    bring_in(path, table(row | {"Variant SKU": "MINE-1"}))
    assert [variant["sku"] for variant in _products(path, table(row))["x"]["variants"]] == ["MINE-1"]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8, as its first bytes say"),
        ("utf-16", "UTF-16, as its first bytes say"),
        ("utf-16-be", "UTF-16 (assumed: the file has zero bytes and does not name its encoding)"),
        ("cp1252", "Windows-1252 (assumed: line 2 is not UTF-8; check accented letters)"),
    ],
)
@pytest.mark.parametrize(("delimiter", "named"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs")])
def test_encodings_and_delimiters_are_found_out(
    path: Path, encoding: str, told: str, delimiter: str, named: str
) -> None:
    """And said, with what was assumed."""
    row = PLAIN | {"Handle": "cafe", "Title": "Café", "Vendor": 'a "b", c; d'}
    content = table(row, delimiter=delimiter).encode(encoding)
    assert opened(path, content).table.format.told == f"{told}, cells separated by {named}"
    cafe = _products(path, content)["cafe"]
    assert (cafe["name"], cafe["vendor"]) == ("Café", 'a "b", c; d')


def test_bytes_of_no_known_encoding_are_latin_1(path: Path) -> None:
    """Every byte is a letter there, so nothing is lost."""
    content = table(PLAIN | {"Handle": "x", "Title": "Caf\xe9 \x81"}).encode("latin-1")
    assert opened(path, content).table.format.told.startswith("Latin-1 (assumed: line 2 is not UTF-8")


def test_where_cells_are_not_separated_by_commas_decimals_may_be(path: Path) -> None:
    """As spreadsheets in half of Europe write them."""
    row = PLAIN | {"Handle": "x", "Title": "X", "Variant Price": "9,50"}
    assert str(_products(path, table(row, delimiter=";"))["x"]["variants"][0]["price"]) == "9.500"


def test_the_newer_exports_are_read_as_well(path: Path) -> None:
    """Other names for the columns, a status, a category of its own."""
    content = (
        "Title,URL handle,Description,Product category,Published on online store,Status,SKU,Option1 name,Option1 value,"
        "Price,Compare-at price,Charge tax,Inventory quantity,Weight value (grams),Product image URL,Image position\n"
        "Lamp,lamp,Bright,Home > Lamps,TRUE,Draft,L-1,Colour,Red,5.00,6.00,TRUE,-2,250.5,https://example.com/l.png,1\n"
        ",lamp,,,,,L-2,,Blue,5.00,,FALSE,4,250,,\n"
    )
    lamp = _products(path, content)["lamp"]
    assert (lamp["published"], lamp["category"], lamp["images"]) == (
        False,
        "home-lamps",
        [("https://example.com/l.png", "")],
    )
    shown = [
        (variant["sku"], variant["weight_g"], variant["units"], variant["tax_class"]) for variant in lamp["variants"]
    ]
    assert shown == [("L-1", 251, 0, "standard"), ("L-2", 250, 4, "exempt")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04rest", "This is a workbook or an archive: save the sheet as CSV."),
        (b"name,cost\nx,1\n", 'names no column "Handle", "Title", "Variant Price"'),
        (b"Handle,Title,Variant Price,title\n", 'names a column twice: "title"'),
        (b"\xef\xbb\xbfHandle,Title\n\xff", "says it is UTF-8, but line 2 is not"),
        (b'Handle,"' + b"x" * 200_000, "The first line is no header"),
    ],
    ids=["empty", "workbook", "other table", "twice", "not its encoding", "endless cell"],
)
def test_what_is_no_product_file_is_refused_in_one_line(path: Path, content: bytes, said: str) -> None:
    """Before any row is read."""
    with pytest.raises(Unreadable, match=said.replace("(", r"\(")):
        opened(path, content)


@pytest.mark.parametrize("line", ['x,"X" y', 'x,"X'], ids=["after the quote", "not closed"])
def test_a_row_that_cannot_be_told_from_the_next_ends_the_reading(path: Path, line: str) -> None:
    """What follows is not guessed at."""
    ((at, column, said),) = _bad(path, "Handle,Title,Variant Price\na,A,1\n" + line + "\nb,B,1\n")
    assert (at, column) == (3, "row")
    assert said.startswith("cannot be read, nor what follows (")


def test_blank_lines_and_short_rows_are_as_spreadsheets_leave_them(path: Path) -> None:
    """Cells that are missing at the end are empty; more of them than columns are not."""
    content = "Handle,Title,Variant Price,Vendor\n\na,A,1\n,,,\nb,B,1,V,\n"
    assert set(_products(path, content)) == {"a", "b"}
    ((line, _, said),) = _bad(path, content + "c,C,1,V,more\n")
    assert (line, said) == (6, "has 5 cells, the header has 4: check quotes and delimiters")
