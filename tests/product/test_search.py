"""Found by words that are bent, accented, mistyped or begun; by codes; and narrowed by facets."""

from typing import Any

import pytest
from django.test import Client

from apps.product import search, services
from apps.product.models import Attribute, Product
from shop.money import Money
from tests.product.test_list import listed, skus
from tests.product.test_putting import chair, variant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shelf(transactional_db: None) -> None:
    """Six products, told apart by SKU."""
    Attribute.objects.create(code="height", name="Height", kind="number", unit="cm")
    Attribute.objects.create(code="material", name="Material")
    Attribute.objects.create(code="secret", name="Secret", filterable=False)
    furniture, light = ("furniture", "Furniture"), ("lighting", "Lighting")
    services.put_products(
        drafts=[
            _draft("CHAIR", "Wooden chair", furniture, "oak", "45", "red", "blue", barcode="4006381333931"),
            _draft("TABLE", "Oak table", furniture, "oak", "75", "red", description="Seats six on wooden chairs."),
            _draft("LAMP", "Reading lamp", light, "steel", "120", "blue", tags=("sale",)),
            _draft("CAFE", "Café set crème", furniture, "steel", "70.5", "green", vendor="Søstrene"),
            _draft("LIGHT", "Chandelier", light, "glass", "60", "green", description="Lit by candles."),
            _draft("LINEN", "Linen throw", ("textiles", "Textiles"), "linen", "200", "blue"),
        ]
    )


def _draft(
    sku: str, name: str, category: tuple[str, str], material: str, height: str, *colours: str, **more: Any
) -> Any:
    of_variant = {"barcode": more.pop("barcode", "")}
    return chair(
        slug=sku.lower(),
        name=name,
        category=(category,),
        images=(),
        attributes={"material": material, "height": services.Decimal(height), "secret": "x"},
        variants=tuple(
            variant(f"{sku}-{n}" if n else sku, options={"Colour": colour}, **of_variant)
            for n, colour in enumerate(colours)
        ),
        **{"vendor": "Holm", "tags": (), **more},
    )


QUERIES = {
    "chair": ["CHAIR", "TABLE"],  # the name before the description
    "chairs wooden": ["CHAIR", "TABLE"],  # stems, in any order
    "WOOD": ["TABLE", "CHAIR"],  # no word by itself, but it begins one
    "cafe creme": ["CAFE"],  # accents folded
    "Cáfé": ["CAFE"],
    "sostrene": ["CAFE"],  # a vendor
    "chandeleir": ["LIGHT"],  # neighbours exchanged
    "chandlier": ["LIGHT"],  # a letter missing
    "tabble": ["TABLE"],  # one too many
    "raeding lmap": ["LAMP"],  # two mistyped words
    "candle": ["LIGHT"],  # of a description: exact words only
    "4006381333931": ["CHAIR"],  # a barcode
    "LAMP": ["LAMP"],
    "CHAIR-1": ["CHAIR"],  # a SKU
    "sofa": [],
    "the": [],  # says nothing
    "%": [],
    "' | !:*": [],
    "\\": [],
}


@pytest.mark.parametrize("text", QUERIES)
def test_search(shelf: None, text: str) -> None:
    """What is meant is found, best first."""
    found = skus(search=text)
    assert sorted(found) == sorted(QUERIES[text])
    assert found[:1] == QUERIES[text][:1] or text == "WOOD"


def test_a_search_is_paged_by_rank(shelf: None) -> None:
    """Forwards and back, every product once; or in another order when asked."""
    whole = skus(search="Holm")
    page, seen = listed(search="Holm", limit=2), []
    while True:
        seen += [item["sku"] for item in page["results"]]
        if page["next"] is None:
            break
        page = Client().get(page["next"]).json()
    assert (seen, len(seen)) == (whole, 5)
    back = Client().get(page["previous"]).json()
    assert [item["sku"] for item in back["results"]] == whole[2:4]
    assert skus(search="Holm", ordering="name") == ["LIGHT", "LINEN", "TABLE", "LAMP", "CHAIR"]


def test_a_changed_word_is_learnt(shelf: None) -> None:
    """Whoever writes: the database keeps words and facets."""
    Product.objects.filter(slug="lamp").update(name="Bookcase")
    assert skus(search="bokcase") == ["LAMP"]


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [
        ("lamp", "lamp", 0),
        ("lamp", "lam", 1),
        ("lamp", "lampe", 1),
        ("lamp", "limp", 1),
        ("lamp", "lapm", 1),
        ("ab", "", 2),
    ],
)
def test_slips_of_the_finger(one: str, other: str, slips: int) -> None:
    """A letter too many, missing, wrong, or two exchanged count as one."""
    assert search.distance(one, other) == search.distance(other, one) == slips


FILTERS = {
    "colour=blue": {"CHAIR", "LAMP", "LINEN"},
    "colour=blue&colour=red": {"CHAIR", "LAMP", "LINEN", "TABLE"},  # one of
    "colour=blue&material=steel": {"LAMP"},  # and
    "height_min=70&height_max=75": {"TABLE", "CAFE"},
    "height=70.5": {"CAFE"},
    "vendor=Holm&category=furniture": {"CHAIR", "TABLE"},
    "tag=sale": {"LAMP"},
    "colour=mauve": set(),
    "search=chair&colour=blue": {"CHAIR"},
    "utm_source=x&secret=y&colour_min=3": {"CHAIR", "TABLE", "LAMP", "CAFE", "LIGHT", "LINEN"},  # none of this list's
}


@pytest.mark.parametrize("query", FILTERS)
def test_facets_narrow(shelf: None, query: str) -> None:
    """Values of one facet are alternatives, facets narrow each other, search and bounds too."""
    page = Client().get(f"/product/products?{query}").json()
    assert {item["sku"] for item in page["results"]} == FILTERS[query]


def test_facets_count_what_a_choice_would_bring(shelf: None) -> None:
    """The choice of a facet does not narrow its own counts, all others do; first page only."""
    page = listed(colour="red", limit=1)
    facets = page["facets"]
    properties = {facet["code"]: facet for facet in facets["properties"]}
    assert {value["value"]: value["count"] for value in properties["colour"]["values"]} == {
        "blue": 3,
        "red": 2,
        "green": 2,
    }
    assert {value["value"]: value["count"] for value in properties["material"]["values"]} == {"oak": 2}
    assert (properties["height"]["min"], properties["height"]["max"], properties["height"]["unit"]) == (
        "45",
        "75",
        "cm",
    )
    assert {value["value"]: value["count"] for value in facets["category"]} == {"furniture": 2}
    assert (facets["counted"], facets["complete"], "secret" in properties) == (2, True, False)
    assert "facets" not in Client().get(page["next"]).json()


def test_categories_count_those_below_and_each_other(shelf: None) -> None:
    """A category counts its own products and those below it; the chosen one does not narrow the others."""
    services.create_category(slug="desk", name="Desk lamps", parent="lighting")
    Product.objects.filter(slug="lamp").update(category=services.Category.objects.get(slug="desk"))
    services.put_products(drafts=[_draft("NEW", "New", ("textiles", "Textiles"), "wool", "1", "red")])
    counts = {value["value"]: value["count"] for value in listed(category="desk")["facets"]["category"]}
    assert counts == {"furniture": 3, "lighting": 2, "desk": 1, "textiles": 2}


@pytest.mark.parametrize("query", ["height_min=tall", "height_max=1e99", "colour=" + "a" * 201])
def test_a_bad_facet_is_named(shelf: None, query: str) -> None:
    """400 with the parameter among the errors."""
    answer = Client().get(f"/product/products?{query}")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {query.partition("=")[0]})


def test_counts_follow_the_catalogue_not_the_stock(shelf: None) -> None:
    """They are kept while only stock changes, and read again when a product does."""
    before = listed()["facets"]
    services.change_product(sku="LAMP", prices={"LAMP": Money.parse("1.00", "EUR")}, tags=["new"])
    assert listed()["facets"]["tag"] != before["tag"]
