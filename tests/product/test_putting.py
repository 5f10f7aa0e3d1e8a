"""Products put from drafts: created, made equal, left alone; and the stock they open with."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.product import openings, services
from apps.product.drafts import Difference, Fate, ImageDraft, ProductDraft, VariantDraft
from apps.product.models import Attribute, Category, Image, Product, Revision, StockOpening, Variant
from apps.product.services import SkuTaken, UnknownAttribute, WrongKind
from shop import context
from shop.money import Money
from shop.transactions import command

pytestmark = pytest.mark.django_db(transaction=True)


def variant(sku: str, price: str = "5.00", **more: Any) -> VariantDraft:
    return VariantDraft(sku=sku, price=Money.parse(price, "EUR"), **more)


def chair(**changes: Any) -> ProductDraft:
    draft = ProductDraft(
        slug="chair",
        name="Chair",
        category=(("home", "Home"), ("chairs", "Chairs")),
        vendor="Holm",
        tags=("wood", "new"),
        published=True,
        option_names=("Colour",),
        images=(ImageDraft(address="https://example.com/a.png", alt="Front"), ImageDraft(address="b.png")),
        variants=(
            variant("C-RED", options={"Colour": "red"}, compare_at=Decimal("7"), image="b.png"),
            variant("C-BLUE", options={"Colour": "blue"}, barcode="4006381333931"),
        ),
    )
    return replace(draft, **changes)


def revision() -> int:
    return Revision.objects.values_list("number", flat=True).first() or 0


def diff(*drafts: ProductDraft) -> list[Difference]:
    return services.diff(drafts)


@pytest.fixture
def material(transactional_db: None) -> None:
    Attribute.objects.create(code="material", name="Material")
    Attribute.objects.create(code="height", name="Height", kind="number", unit="cm")
    Attribute.objects.create(code="folds", name="Folds", kind="boolean")


def test_a_draft_becomes_a_product(material: None) -> None:
    """With all that it says, and the categories that were missing."""
    attributes: dict[str, str | Decimal | bool] = {"material": "oak", "height": Decimal("80.50"), "folds": True}
    put = services.put_products(drafts=[chair(attributes=attributes)])
    assert (put.created, put.changed, put.unchanged) == (["chair"], [], 0)
    product = Product.objects.select_related("category__parent").get()
    assert (product.category.slug, getattr(product.category.parent, "slug", "")) == ("chairs", "home")
    assert [(v.sku, v.image.address if v.image else "") for v in product.variants.all()] == [
        ("C-RED", "b.png"),
        ("C-BLUE", ""),
    ]
    assert [(i.address, i.alt, i.state) for i in product.images.all()] == [
        ("https://example.com/a.png", "Front", "waiting"),
        ("b.png", "", "waiting"),
    ]
    assert product.facets == ["colour=blue", "colour=red", "folds=true", "height=80.5", "material=oak"]


def test_what_is_equal_is_not_written(material: None) -> None:
    """No row, no revision, and as many statements as there are batches."""
    draft = chair(attributes={"height": Decimal("80")})
    services.put_products(drafts=[draft])
    before, seen = revision(), Product.objects.values_list("changed_at", "facets").get()
    with CaptureQueriesContext(connection) as statements:
        put = services.put_products(drafts=[draft])
    assert (put.created, put.changed, put.unchanged) == ([], [], 1)
    assert (revision(), Product.objects.values_list("changed_at", "facets").get()) == (before, seen)
    assert not [one for one in statements if one["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [one.fate for one in diff(draft)] == [Fate.UNCHANGED]


CHANGES: dict[str, Callable[[ProductDraft], ProductDraft]] = {
    "name": lambda d: replace(d, name="Armchair"),
    "category": lambda d: replace(d, category=(("home", "Home"), ("sofas", "Sofas"))),
    "tags": lambda d: replace(d, tags=("new", "wood")),
    "images": lambda d: replace(d, images=d.images[::-1]),
    "attributes": lambda d: replace(d, attributes={"material": "ash"}),
    "variants": lambda d: replace(d, variants=d.variants[::-1]),
    "C-RED price": lambda d: replace(
        d, variants=(replace(d.variants[0], price=Money.parse("6", "EUR")), d.variants[1])
    ),
    "C-RED compare_at": lambda d: replace(d, variants=(replace(d.variants[0], compare_at=None), d.variants[1])),
    "C-BLUE image": lambda d: replace(d, variants=(d.variants[0], replace(d.variants[1], image="b.png"))),
    "C-BLUE options": lambda d: replace(
        d, variants=(d.variants[0], replace(d.variants[1], options={"Colour": "green"}))
    ),
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_is_announced_and_made(material: None, field: str) -> None:
    """The preview names the one field; afterwards there is nothing left to change."""
    services.put_products(drafts=[chair()])
    wanted = CHANGES[field](chair())
    (announced,) = diff(wanted)
    assert (announced.fate, list(announced.fields)) == (Fate.CHANGED, [field])
    assert services.put_products(drafts=[wanted]).changed == ["chair"]
    assert [one.fate for one in diff(wanted)] == [Fate.UNCHANGED]


def test_positions_can_be_exchanged_and_reused() -> None:
    """The first variant goes, the second takes its place, a third comes."""
    services.put_products(drafts=[chair()])
    services.put_products(drafts=[chair(variants=(variant("C-BLUE"), variant("C-GREEN", options={"Colour": "green"})))])
    assert list(Variant.objects.values_list("sku", "position")) == [("C-BLUE", 0), ("C-GREEN", 1)]
    assert Product.objects.get().facets == ["colour=green"]


def test_pictures_keep_what_was_fetched_and_uploads_stay() -> None:
    """An address that stays keeps its row; what was uploaded is not the file's to remove."""
    services.put_products(drafts=[chair()])
    kept = Image.objects.get(address="b.png").pk
    upload = Image.objects.create(product=Product.objects.get(), position=5)
    services.put_products(drafts=[chair(images=(ImageDraft(address="b.png"), ImageDraft(address="c.png")))])
    assert set(Image.objects.values_list("pk", "address")) >= {(kept, "b.png"), (upload.pk, "")}
    assert Image.objects.count() == 3


def test_all_or_none() -> None:
    """A SKU of another product, and one named twice, are refused by name; nothing is left behind."""
    services.put_products(drafts=[chair()])
    table = chair(slug="table", variants=(variant("T"), variant("C-RED")))
    with pytest.raises(SkuTaken) as taken:
        services.put_products(
            drafts=[chair(name="Renamed"), replace(table, slug="stool", variants=(variant("S"),)), table]
        )
    assert taken.value.skus == ["C-RED"]
    assert list(Product.objects.values_list("name", flat=True)) == ["Chair"]
    with pytest.raises(SkuTaken):
        services.put_products(drafts=[replace(table, variants=(variant("T"), variant("T")))])


def test_attributes_are_typed(material: None) -> None:
    """Unknown codes and values of another kind are refused."""
    with pytest.raises(UnknownAttribute):
        services.put_products(drafts=[chair(attributes={"weight": "1"})])
    with pytest.raises(WrongKind):
        services.put_products(drafts=[chair(attributes={"height": "tall"})])


def test_a_product_without_category() -> None:
    """A new one goes to a category of its own kind; one that has a category keeps it."""
    services.put_products(drafts=[chair(), chair(slug="other-chair", category=(), variants=(variant("O"),))])
    services.put_products(drafts=[chair(category=())])
    assert dict(Product.objects.values_list("slug", "category__slug")) == {"chair": "chairs", "other-chair": "other"}
    assert set(Category.objects.values_list("slug", flat=True)) == {"home", "chairs", "other"}


def test_stock_opens_once() -> None:
    """Inventory is told of each SKU; a repeat of the batch, and of the job, tells nothing new."""
    batch = UUID(int=1)
    opened = command(services.open_stock_later)
    opened(batch=batch, units={"C-RED": 3, "C-BLUE": 4})
    opened(batch=batch, units={"C-RED": 9})
    with context.working_as("product"):
        assert (openings.send_due(), openings.send_due()) == (2, 0)
    assert set(StockOpening.objects.filter(sent_at__isnull=False).values_list("sku", "quantity")) == {
        ("C-RED", 3),
        ("C-BLUE", 4),
    }
