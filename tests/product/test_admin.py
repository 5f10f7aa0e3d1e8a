"""The catalogue in the admin, through HTTP: one page edits a product by one command, or says why not."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image as Pillow

from apps.product import bulk, editing, services
from apps.product.drafts import ProductDraft, VariantDraft
from apps.product.models import Attribute, Category, Image, Product, Review, Revision, Variant
from shop.changes.models import Change
from shop.identity.models import Account
from shop.money import Money
from shop.transactions import command
from tests.product.conftest import sell, tell
from tests.product.forms import add_row, form_of, opened
from tests.shop_api.client import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/product/product/"
ADD = "/admin/product/product/add/"


@pytest.fixture
def manager(transactional_db: None) -> Client:
    """A browser in which a catalogue manager is signed in."""
    return _signed_in("catalogue-manager")


@pytest.fixture
def lamp(lamps: str) -> Product:
    """A published lamp in two sizes."""
    services.create_product(
        name="Lamp", category=lamps, published=True, variants=[_variant("L-S", Size="S"), _variant("L-L", Size="L")]
    )
    return Product.objects.get()


def _signed_in(*roles: str) -> Client:
    account = Account.objects.create_user(
        email=f"{'-'.join(roles)}@example.com", password="x", is_staff=True, staff_roles=list(roles)
    )
    client = Client()
    client.force_login(account)
    return client


def _variant(sku: str, price: str = "10.00", **options: str) -> VariantDraft:
    return VariantDraft(sku=sku, price=Money.parse(price, "EUR"), options=options)


def _page(product: Product) -> str:
    return reverse("admin:product_product_change", args=[product.pk])


def _picture(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


def _upload(client: Client, product: Product, data: bytes, name: str = "lamp.png") -> Any:
    file = SimpleUploadedFile(name, data, content_type="image/png")
    return client.post(reverse("admin:product_pictures", args=[product.pk]), {"pictures": file})


def _revision() -> int:
    return Revision.objects.get().number


def _saved(client: Client, product: Product, fields: dict[str, Any]) -> None:
    sent = client.post(_page(product), fields)
    assert sent.status_code == 302, _errors(sent)


def _errors(page: Any) -> list[Any]:
    shown = page.context["inline_admin_formsets"]
    return [page.context["adminform"].form.errors, *(rows.formset.errors for rows in shown)]


def _told(table: str, row: object) -> list[tuple[str, Any, Any]]:
    return [(each.action, each.before, each.after) for each in reversed(Change.objects.of(table, row))]


# --- Finding


def test_every_list_opens(staff: Client, lamp: Product) -> None:
    """Of every model that has one."""
    for page in ("product", "category", "attribute", "review", "level", "stockopening", "revision"):
        assert staff.get(f"/admin/product/{page}/").status_code == 200, page
        assert staff.get(f"/admin/product/{page}/", {"q": "la"}).status_code == 200, page


def test_a_product_is_found_by_name_sku_and_barcode(manager: Client, lamps: str) -> None:
    """By any words of its name, the beginning of one of its SKUs, its barcode; the row says what it is."""
    sell("ARC-1", name="Tall arc lamp", price="20.00", more=2)
    sell("TV", name="TV light")
    Variant.objects.filter(sku="ARC-1-2").update(barcode="4006381333931", price="25.5")
    tell(("ARC-1", 3, 1), ("ARC-1-1", 4, 1))
    for text in ("arc", "lamp tall", "ARC-1-2", "4006381333931"):
        found = manager.get(LIST, {"q": text}).text
        assert ("Tall arc lamp" in found, "TV light" in found) == (True, False), text
    assert "TV light" in manager.get(LIST, {"q": "tv"}).text
    assert "Tall arc lamp" not in manager.get(LIST, {"q": "100% '\\"}).text
    row = manager.get(LIST, {"q": "arc"}).text
    assert all(text in row for text in ("20.00 to 25.50 EUR", ">ARC-1<", "and 2 more", ">7<", "Published"))


def test_the_list_costs_the_same_for_1_and_50_products(manager: Client, lamps: str) -> None:
    """And never counts."""
    sell("A")
    counts = []
    for more in range(2):
        for n in range(49 * more):
            sell(f"B{n}", more=3)
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(LIST).status_code == 200
        counts.append(len(queries))
        assert not [q["sql"] for q in queries if "COUNT(*)" in q["sql"]]
    assert counts[0] == counts[1], [q["sql"] for q in queries]


def test_the_list_filters_by_state(manager: Client, lamps: str) -> None:
    """Drafts, published, scheduled."""
    for name in ("Draft", "Published", "Scheduled"):
        sell(name, name=f"{name} lamp")
    Product.objects.exclude(name="Published lamp").update(published=False)
    Product.objects.filter(name="Scheduled lamp").update(publish_at="2030-01-02T03:04:00Z")
    for state in ("draft", "published", "scheduled"):
        page = manager.get(LIST, {"state": state}).text
        shown = [name for name in ("Draft", "Published", "Scheduled") if f"{name} lamp" in page]
        assert shown == [state.capitalize()]


# --- Editing


def test_what_is_not_changed_is_not_written(manager: Client, lamp: Product) -> None:
    """A page that is opened and saved leaves no history and keeps the catalogue's ETag."""
    before = _revision(), Product.objects.values().get(), list(Variant.objects.values())
    seen = Change.objects.count()
    _saved(manager, lamp, opened(manager, _page(lamp)))
    assert (_revision(), Product.objects.values().get(), list(Variant.objects.values())) == before
    assert Change.objects.count() == seen


def test_everything_is_edited_on_one_page(manager: Client, lamp: Product, lamps: str) -> None:
    """Words, category, tags, publication, variants, options, attributes, related products: one save."""
    other = services.create_product(name="Shade", category=lamps, variants=[_variant("SHADE")])
    tables = services.create_category(slug="tables", name="Tables")
    material = Attribute.objects.create(code="material", name="Material")
    height = Attribute.objects.create(code="height", name="Height", kind="number", unit="cm")
    dimmable = Attribute.objects.create(code="dimmable", name="Dimmable", kind="boolean")
    fields = opened(manager, _page(lamp))
    fields |= {
        "name": "Desk lamp",
        "description": "Warm.\r\nSmall.",
        "category": str(tables.pk),
        "vendor": "Holm",
        "kind": "Lamp",
        "tags": "wood, new,, wood",
        "seo_title": "Lamps",
        "seo_description": "The lamp",
        "state": "scheduled",
        "scheduled_for": "2031-02-03T04:05",
        "related": [str(other.pk)],
        "option_1": "Colour",
        "variants-0-value_1": "red",
        "variants-0-price": "12.50",
        "variants-0-compare_at_price": "15",
        "variants-0-barcode": "4006381333931",
        "variants-0-weight_g": "350",
        "variants-0-tax_class": "reduced",
        "variants-0-ORDER": "2",
        "variants-1-ORDER": "1",
        f"attribute_{material.pk}": "oak",
        f"attribute_{height.pk}": "42.50",
        f"attribute_{dimmable.pk}": "false",
    }
    add_row(fields, "variants", sku="L-M", value_0="M", price="11", weight_g="0", tax_class="standard", ORDER="3")
    _saved(manager, lamp, fields)

    lamp = Product.objects.get(pk=lamp.pk)
    assert (lamp.name, lamp.description, lamp.category, lamp.vendor) == ("Desk lamp", "Warm.\r\nSmall.", tables, "Holm")
    assert (lamp.kind, lamp.tags, lamp.seo_title, lamp.seo_description) == (
        "Lamp",
        ["wood", "new"],
        "Lamps",
        "The lamp",
    )
    assert (lamp.published, lamp.publish_at and lamp.publish_at.isoformat()) == (False, "2031-02-03T04:05:00+00:00")
    assert lamp.option_names == ["Size", "Colour"]
    assert [related.other for related in lamp.related.all()] == [other]
    assert {v.attribute.code: v.shown for v in lamp.attribute_values.all()} == {
        "material": "oak",
        "height": "42.5",
        "dimmable": "false",
    }
    variants = {variant.sku: variant for variant in lamp.variants.all()}
    assert list(variants) == ["L-L", "L-S", "L-M"]
    small = variants["L-S"]
    assert (small.price, small.compare_at_price, small.currency) == (Decimal("12.5"), Decimal(15), "EUR")
    assert (small.barcode, small.weight_g, small.tax_class) == ("4006381333931", 350, "reduced")
    assert small.options == {"Size": "S", "Colour": "red"}
    assert (variants["L-M"].options, variants["L-M"].currency) == ({"Size": "M"}, "EUR")

    again = opened(manager, _page(lamp))
    before = _revision()
    _saved(manager, lamp, again)
    assert _revision() == before


def test_variants_go_and_pictures_are_chosen_for_them(manager: Client, lamp: Product) -> None:
    """A ticked row is deleted; a variant shows one of the product's pictures, until that is deleted."""
    assert _upload(manager, lamp, _picture()).status_code == 200
    picture = Image.objects.get()
    _saved(manager, lamp, opened(manager, _page(lamp)) | {"variants-0-DELETE": "on", "variants-1-picture": picture.pk})
    assert list(Variant.objects.values_list("sku", "image", "position")) == [("L-L", picture.pk, 0)]
    _saved(manager, lamp, opened(manager, _page(lamp)) | {"images-0-DELETE": "on"})
    assert (Image.objects.count(), Variant.objects.get().image) == (0, None)


def test_pictures_are_uploaded_put_in_order_and_described(manager: Client, lamp: Product) -> None:
    """Each is kept as it comes; order and words come with the save."""
    for colour in ("red", "green", "blue"):
        sent = _upload(manager, lamp, _picture(colour))
        assert sent.status_code == 200
    fields = opened(manager, _page(lamp))
    ids = [int(fields[f"images-{n}-id"]) for n in range(3)]
    assert sent.json()["pictures"][0]["id"] == ids[2]
    for n, order in enumerate((3, 1, 2)):
        fields |= {f"images-{n}-ORDER": str(order), f"images-{n}-alt": f"Side {n}"}
    _saved(manager, lamp, fields)
    assert list(lamp.images.values_list("id", "alt", "state")) == [
        (ids[1], "Side 1", "ready"),
        (ids[2], "Side 2", "ready"),
        (ids[0], "Side 0", "ready"),
    ]


def test_an_upload_beside_an_open_page_is_not_lost(manager: Client, lamp: Product) -> None:
    """The page that does not know it yet is saved, and the picture stays behind the others."""
    _upload(manager, lamp, _picture())
    fields = opened(manager, _page(lamp))
    _upload(manager, lamp, _picture("blue"))
    _saved(manager, lamp, fields | {"name": "Renamed"})
    assert list(lamp.images.values_list("position", flat=True)) == [0, 1]


def test_a_file_that_is_no_picture_is_refused(manager: Client, lamp: Product) -> None:
    """And leaves nothing behind; with the form, what was typed stays."""
    sent = _upload(manager, lamp, b"not a picture")
    assert "no picture" in sent.json()["error"]
    fields = opened(manager, _page(lamp)) | {"name": "Typed", "new_pictures": SimpleUploadedFile("x.png", b"no")}
    page = manager.post(_page(lamp), fields)
    assert (page.status_code, 'value="Typed"' in page.text) == (200, True)
    assert (Image.objects.count(), Product.objects.get().name) == (0, "Lamp")


def test_a_product_is_added_with_its_pictures(manager: Client, lamps: str) -> None:
    """A browser without a script sends them with the form."""
    fields = opened(manager, ADD)
    fields |= {
        "name": "Arc",
        "category": str(Category.objects.get().pk),
        "variants-0-sku": "ARC",
        "variants-0-price": "99.90",
        "new_pictures": [SimpleUploadedFile("a.png", _picture()), SimpleUploadedFile("b.png", _picture("blue"))],
    }
    sent = manager.post(ADD, fields)
    assert sent.status_code == 302, _errors(sent)
    arc = Product.objects.get()
    assert (arc.slug, arc.published, arc.variants.get().currency) == ("arc", False, "EUR")
    assert list(arc.images.values_list("state", flat=True)) == ["ready", "ready"]


# --- Refusals

REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a SKU of another product": (
        {"variants-0-sku": "TAKEN"},
        "Taken already, by another product or another row: TAKEN.",
    ),
    "a SKU twice": ({"variants-0-sku": "L-L"}, "another row: L-L."),
    "a SKU with a slash": ({"variants-0-sku": "a/b"}, "Letters, digits"),
    "no variant": ({"variants-0-DELETE": "on", "variants-1-DELETE": "on"}, "at least 1"),
    "a price below zero": ({"variants-0-price": "-1"}, "Not below zero."),
    "too many decimals": ({"variants-0-price": "1.005"}, "EUR has 2 decimals"),
    "a huge price": ({"variants-0-price": "1000000000000"}, "the amount is out of range"),
    "an option without a name": ({"variants-0-value_2": "red"}, "this option has no name yet"),
    "one option twice": ({"option_1": "Size"}, "Two options have the same name."),
    "no name": ({"name": ""}, "This field is required."),
    "no category": ({"category": "999"}, "Select a valid choice"),
    "a schedule without a time": ({"state": "scheduled"}, "Say when."),
    "a tag without end": ({"tags": "x" * 61}, "At most 60 tags"),
    "a version that is none": ({"version": "yesterday"}, "open it again"),
    "no version": ({"version": ""}, "open it again"),
    "a picture of nobody": ({"variants-0-picture": "999"}, "Select a valid choice"),
    "a null character": ({"name": "a\x00b"}, "Null characters are not allowed."),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_said_in_the_form(manager: Client, lamp: Product, case: str) -> None:
    """Nothing is written, and what was typed stays."""
    wrong, said = REFUSALS[case]
    sell("TAKEN", name="Other")
    before = list(Product.objects.values()), list(Variant.objects.values()), _revision()
    page = manager.post(_page(lamp), opened(manager, _page(lamp)) | {"vendor": "As typed"} | wrong)
    assert (page.status_code, said in page.text, 'value="As typed"' in page.text) == (200, True, True), page.text
    assert (list(Product.objects.values()), list(Variant.objects.values()), _revision()) == before


def test_a_slug_belongs_to_one_product(manager: Client, lamp: Product) -> None:
    """A second product under it is refused, and the first one stays what it is."""
    fields = opened(manager, ADD)
    fields |= {"name": "Lamp", "slug": lamp.slug, "category": str(lamp.category_id)}
    fields |= {"variants-0-sku": "NEW", "variants-0-price": "1"}
    page = manager.post(ADD, fields)
    assert "already exists" in page.text
    assert (Product.objects.count(), lamp.variants.count()) == (1, 2)


def _change_in_bulk(change: bulk.Change) -> None:
    ids = list(Product.objects.values_list("pk", flat=True))
    bulk.apply(product_ids=ids, change=change, fingerprint=bulk.preview(product_ids=ids, change=change).fingerprint)


# Who else changes a product while somebody looks at its page.
MEANWHILE: dict[str, Callable[[Product], object]] = {
    "prices through the API": lambda _: services.change_product(sku="L-S", prices={"L-S": Money.parse("11.00", "EUR")}),
    "words through the API": lambda _: services.change_product(sku="L-L", name="Lantern"),
    "prices in bulk": lambda _: _change_in_bulk(bulk.PriceChange(percent=Decimal(10))),
    "publication in bulk": lambda _: _change_in_bulk(bulk.PublicationChange(published=True)),
    "its schedule": lambda _: services.publish_due(),
    "a file": lambda lamp: services.put_products(
        drafts=[ProductDraft(slug=lamp.slug, name="Lamp", variants=(_variant("L-S"), _variant("L-L", "12.00")))]
    ),
}


@pytest.mark.parametrize("way", MEANWHILE)
def test_a_page_that_is_not_the_newest_is_refused(manager: Client, lamp: Product, way: str) -> None:
    """Whoever was first is not overwritten, the page says so, and what was typed stays."""
    Product.objects.update(published=False, publish_at="2020-01-02T03:04:00Z")
    stale = opened(manager, _page(lamp)) | {"vendor": "Late"}
    MEANWHILE[way](lamp)
    first = Product.objects.values().get(), list(Variant.objects.values())
    page = manager.post(_page(lamp), stale)
    assert "Somebody else saved this product" in page.text
    assert 'value="Late"' in page.text
    assert (Product.objects.values().get(), list(Variant.objects.values())) == first
    _saved(manager, lamp, opened(manager, _page(lamp)) | {"vendor": "Now"})


def test_of_two_who_save_at_once_one_is_refused(lamp: Product) -> None:
    """Both had the same page; the second is told."""
    both = [_signed_in("catalogue-manager"), _signed_in("administrator", "catalogue-manager")]
    pages = [opened(client, _page(lamp)) | {"vendor": f"V{n}"} for n, client in enumerate(both)]
    ready = Barrier(2)

    def save(n: int) -> int:
        ready.wait(10)
        try:
            return both[n].post(_page(lamp), pages[n]).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        statuses = list(pool.map(save, range(2)))
    assert sorted(statuses) == [200, 302]
    assert Product.objects.get().vendor == f"V{statuses.index(302)}"


def test_a_page_of_what_was_deleted(manager: Client, lamp: Product) -> None:
    """Says so, without an error of the server."""
    fields = opened(manager, _page(lamp))
    deleted = manager.post(reverse("admin:product_product_delete", args=[lamp.pk]), {"post": "yes"})
    assert (deleted.status_code, Product.objects.count(), Variant.objects.count()) == (302, 0, 0)
    assert manager.post(_page(lamp), fields).status_code == 302  # Django leads back to the list, with a message
    assert "deleted" in _upload(manager, lamp, _picture()).json()["error"]


# --- Cost


def test_the_page_costs_the_same_for_1_and_50_variants(manager: Client, lamps: str) -> None:
    """To open and to save."""
    sell("ONE", name="One")
    sell("MANY", name="Many", more=49)
    costs = {}
    opened(manager, _page(Product.objects.get(name="One")))  # what is read once in a process
    for name in ("One", "Many"):
        product = Product.objects.get(name=name)
        with CaptureQueriesContext(connection) as opening:
            fields = opened(manager, _page(product))
        changed = {key: "12.00" for key in fields if key.endswith("-price") and "__" not in key}
        with CaptureQueriesContext(connection) as saving:
            _saved(manager, product, fields | changed)
        costs[name] = len(opening), len(saving)
    assert costs["One"] == costs["Many"], "\n".join(q["sql"][:200] for q in [*opening, *saving])


# --- History


def test_history_says_who_changed_what(manager: Client, lamp: Product) -> None:
    """Before and after of each row, with the account that saved."""
    variant = Variant.objects.get(sku="L-S")
    _saved(manager, lamp, opened(manager, _page(lamp)) | {"vendor": "Holm", "variants-0-price": "12.50"})
    (change,) = Change.objects.of("product_product", lamp.pk).filter(action="change", source="admin")
    assert (change.before, change.after) == ({"vendor": ""}, {"vendor": "Holm"})
    assert change.actor_email == "catalogue-manager@example.com"
    assert _told("product_variant", variant.pk)[-1] == ("change", {"price": 10.0}, {"price": 12.5})
    page = manager.get(reverse("admin:product_product_history", args=[lamp.pk])).text
    assert all(text in page for text in ("catalogue-manager@example.com", "vendor", "Holm", "price", "12.5"))


# --- Bulk


def _bulk(client: Client, action: str, products: list[Product], **fields: Any) -> Any:
    return client.post(LIST, {"action": action, "_selected_action": [p.pk for p in products], **fields})


def test_prices_are_changed_in_bulk_as_previewed(manager: Client, lamps: str) -> None:
    """By percent, rounded half up to the currency; the preview is what happens, once."""
    sell("A", price="9.99", more=1)
    sell("B", name="Shade", price="0.05")
    products = list(Product.objects.all())
    assert "Percent or amount" in _bulk(manager, "change_price", products).text
    asked = {"how": "percent", "number": "-10", "compare_at": "before"}
    preview = _bulk(manager, "change_price", products, **asked, step="preview")
    assert [(line.before, line.after) for line in preview.context["plan"].lines] == [
        ("9.99 EUR", "8.99 EUR (was 9.99)"),
        ("9.99 EUR", "8.99 EUR (was 9.99)"),
        ("0.05 EUR", "0.05 EUR (was 0.05)"),
    ]
    assert Variant.objects.filter(price="9.99").count() == 2
    seen = {"fingerprint": preview.context["plan"].fingerprint, "step": "apply"}
    before = _revision()
    assert _bulk(manager, "change_price", products, **asked, **seen).status_code == 302
    assert _revision() == before + 1
    assert set(Variant.objects.values_list("price", "compare_at_price")) == {
        (Decimal("8.99"), Decimal("9.99")),
        (Decimal("0.05"), Decimal("0.05")),
    }
    twice = _bulk(manager, "change_price", products, **asked, **seen)
    assert "have changed since they were shown" in twice.text
    assert Variant.objects.filter(price="8.99").count() == 2


def test_a_bulk_change_of_what_has_changed_meanwhile_is_refused(manager: Client, lamps: str) -> None:
    """And the page shows what would happen now."""
    sell("A", price="10.00")
    products = list(Product.objects.all())
    asked = {"how": "set", "number": "12", "compare_at": "keep"}
    preview = _bulk(manager, "change_price", products, **asked, step="preview")
    services.change_product(sku="A", prices={"A": Money.parse("11.00", "EUR")})
    late = _bulk(
        manager, "change_price", products, **asked, step="apply", fingerprint=preview.context["plan"].fingerprint
    )
    assert late.context["plan"].lines[0].before == "11.00 EUR"
    assert Variant.objects.get().price == 11


def _filtered(client: Client, **fields: Any) -> Any:
    """Sent from a list of drafts, of which all were chosen: the first page by ticks, the others by one word."""
    ticked = list(Product.objects.filter(published=False).values_list("pk", flat=True)[:50])
    sent = {"action": "change_category", "index": "0", "_selected_action": ticked, "select_across": "1"}
    return client.post(f"{LIST}?state=draft", {**sent, **fields}, follow=True)


def _drafts(count: int, category: Category) -> None:
    """As many products as that, besides one that is published."""
    sell("SOLD", name="Sold")
    Product.objects.bulk_create(Product(name=f"P{n}", slug=f"p{n}", category=category) for n in range(count))


def test_all_products_of_a_filtered_list_are_changed(manager: Client, lamps: str) -> None:
    """More than a page of them; what comes to the list after it was chosen is not among them."""
    home, tables = Category.objects.get(), services.create_category(slug="tables", name="Tables")
    _drafts(60, home)
    assert "Choose all of this list" in manager.get(f"{LIST}?state=draft").text
    first = _filtered(manager)
    assert "60 products chosen." in first.text
    Product.objects.create(name="Late", slug="late", category=home)
    asked = {"action": "change_category", "_selected_action": first.context["chosen"], "category": str(tables.pk)}
    assert form_of(first.text, "bulk-form")["_selected_action"] == [str(pk) for pk in first.context["chosen"]]
    preview = manager.post(f"{LIST}?state=draft", {**asked, "step": "preview"})
    plan = preview.context["plan"]
    assert (plan.products, "35 more" in preview.text) == (60, True)
    asked |= {"step": "apply", "fingerprint": plan.fingerprint}
    assert manager.post(f"{LIST}?state=draft", asked).status_code == 302
    moved = Product.objects.filter(category=tables)
    assert (moved.count(), moved.filter(name__in=["Late", "Sold"]).count()) == (60, 0)


def test_one_that_left_the_list_meanwhile_refuses_the_change(manager: Client, lamps: str) -> None:
    """It is not what was shown any more."""
    tables = services.create_category(slug="tables", name="Tables")
    _drafts(3, Category.objects.get(slug=lamps))
    asked = {"_selected_action": _filtered(manager).context["chosen"], "category": str(tables.pk)}
    plan = _filtered(manager, **asked, select_across="0", step="preview").context["plan"]
    Product.objects.filter(name="P1").update(published=True)
    late = _filtered(manager, **asked, select_across="0", step="apply", fingerprint=plan.fingerprint)
    assert "have changed since they were shown" in late.text
    assert not Product.objects.filter(category=tables).exists()


def test_another_product_of_the_same_name_is_another_change(manager: Client, lamps: str) -> None:
    """What was shown of one is not made to the other, though it reads the same."""
    for sku in ("A", "B"):
        sell(sku)
    one, other = Product.objects.order_by("pk")
    Product.objects.filter(pk=one.pk).update(published=False)
    change, both = bulk.PublicationChange(published=True), [one.pk, other.pk]
    shown = bulk.preview(product_ids=both, change=change)
    Product.objects.filter(pk=one.pk).update(published=True)
    Product.objects.filter(pk=other.pk).update(published=False)
    assert bulk.preview(product_ids=both, change=change).lines == shown.lines
    with pytest.raises(editing.Stale):
        bulk.apply(product_ids=both, change=change, fingerprint=shown.fingerprint)


def test_a_list_too_long_for_one_change_is_refused(manager: Client, lamps: str) -> None:
    """By number, before anything is asked; a thousand are not too many."""
    _drafts(1001, Category.objects.get())
    assert "At most 1,000 products at once" in _filtered(manager).text
    with pytest.raises(bulk.TooMany):
        bulk.preview(product_ids=range(1001), change=bulk.PriceChange())
    Product.objects.filter(name="P0").delete()
    assert "1000 products chosen." in _filtered(manager).text


def test_no_other_action_takes_a_whole_list(manager: Client, lamps: str) -> None:
    """Deleting is for the rows that were ticked, however the request names its action."""
    _drafts(3, Category.objects.get())
    for left, actions in ((3, "delete_selected"), (2, ["delete_selected", "change_price"])):
        ticked = Product.objects.filter(published=False).values_list("pk", flat=True)[:1]
        _filtered(manager, action=actions, _selected_action=list(ticked), post="yes")
        assert Product.objects.count() == left


@pytest.mark.parametrize("price", ["90000000000.00", "90909090909.09"])
def test_a_price_beyond_all_bounds_is_refused(manager: Client, lamps: str, price: str) -> None:
    """In its form, also where it is rounding that makes it too large."""
    sell("A", price=price)
    asked = {"how": "percent", "number": "1000" if price.endswith("00") else "10"}
    asked |= {"compare_at": "keep", "step": "preview"}
    page = _bulk(manager, "change_price", list(Product.objects.all()), **asked)
    assert (page.context["plan"], "A price would become too large." in page.text) == (None, True)


def test_a_bulk_change_waits_for_who_is_changing_the_same(manager: Client, lamps: str) -> None:
    """And is refused then: what it would write is not what was shown."""
    sell("A", price="10.00")
    ids = list(Product.objects.values_list("pk", flat=True))
    change = bulk.PriceChange(percent=Decimal(-10))
    shown = bulk.preview(product_ids=ids, change=change)

    def late() -> None:
        try:
            bulk.apply(product_ids=ids, change=change, fingerprint=shown.fingerprint)
        finally:
            connection.close()

    assert isinstance(_while_changing(late), editing.Stale)
    assert Variant.objects.get().price == 20


def test_a_save_waits_for_who_is_saving_the_same(manager: Client, lamp: Product) -> None:
    """And is refused then."""
    fields = opened(manager, _page(lamp)) | {"vendor": "Late"}

    def late() -> Any:
        try:
            return manager.post(_page(lamp), fields)
        finally:
            connection.close()

    page = _while_changing(late)
    assert "Somebody else saved this product" in page.text
    assert (Product.objects.get().vendor, set(Variant.objects.values_list("price", flat=True))) == ("", {20})


def _while_changing(late: Callable[[], Any]) -> Any:
    """What comes of ``late``, which begins while somebody has set all prices to 20, and not yet committed."""
    pool = ThreadPoolExecutor(1)

    @command
    def change() -> Future[Any]:
        Product.objects.update(changed_at=Now())
        Variant.objects.update(price=20)
        begun = pool.submit(late)
        wait_for(_waiters, bool)
        return begun

    with pool:
        begun = change()
        return begun.exception(20) or begun.result()


def _waiters() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


WRONG: dict[str, tuple[str, dict[str, str], str]] = {
    "no number": ("change_price", {"how": "percent", "number": "", "compare_at": "keep"}, "required"),
    "below zero": ("change_price", {"how": "set", "number": "-1", "compare_at": "keep"}, "Not below zero."),
    "decimals": ("change_price", {"how": "set", "number": "1.001", "compare_at": "keep"}, "EUR has 2 decimals"),
    "percent": ("change_price", {"how": "percent", "number": "-101", "compare_at": "keep"}, "Between -100"),
    "no category": ("change_category", {"category": ""}, "required"),
    "no time": ("change_publication", {"state": "scheduled"}, "Say when."),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_bulk_change_that_makes_no_sense(manager: Client, lamp: Product, case: str) -> None:
    """Is refused in its form."""
    action, fields, said = WRONG[case]
    page = _bulk(manager, action, [lamp], **fields, step="apply", fingerprint="x")
    assert (page.status_code, said in page.text, page.context["plan"]) == (200, True, None)


def test_categories_and_publication_are_changed_in_bulk(manager: Client, lamps: str) -> None:
    """Each previewed, each with its own history."""
    for sku in ("A", "B"):
        sell(sku)
    tables = services.create_category(slug="tables", name="Tables")
    products = list(Product.objects.all())
    for action, fields in (
        ("change_category", {"category": str(tables.pk)}),
        ("change_publication", {"state": "scheduled", "scheduled_for": "2031-02-03T04:05"}),
        ("change_publication", {"state": "draft"}),
        ("change_publication", {"state": "published"}),
    ):
        plan = _bulk(manager, action, products, **fields, step="preview").context["plan"]
        assert plan.products == 2
        done = _bulk(manager, action, products, **fields, step="apply", fingerprint=plan.fingerprint)
        assert done.status_code == 302
    assert set(Product.objects.values_list("category__slug", "published", "publish_at")) == {("tables", True, None)}
    admin = Change.objects.filter(table="product_product", source="admin", row=str(products[0].pk))
    assert [sorted(change.after) for change in admin.order_by("id")] == [
        ["category_id"],
        ["publish_at", "published"],
        ["publish_at"],
        ["published"],
    ]


# --- Categories, attributes, reviews


def test_categories_are_made_moved_and_deleted(manager: Client, lamp: Product) -> None:
    """By services; a circle, a slug taken and a category in use are refused in words."""
    add, home = reverse("admin:product_category_add"), lamp.category
    assert manager.post(add, {"name": "Desk", "slug": "desk", "parent": home.pk}).status_code == 302
    desk = Category.objects.get(slug="desk")
    assert desk.parent == home
    change = reverse("admin:product_category_change", args=[home.pk])
    for wrong, said in (
        ({"slug": "desk", "parent": ""}, "already exists"),
        ({"slug": "lamps", "parent": desk.pk}, "below itself"),
    ):
        assert said in manager.post(change, {"name": "Lamps", **wrong}).text
    assert manager.post(change, {"name": "All lamps", "slug": "lamps", "parent": ""}).status_code == 302
    delete = reverse("admin:product_category_delete", args=[home.pk])
    assert manager.post(delete, {"post": "yes"}).status_code in {200, 302}
    assert Category.objects.filter(pk=home.pk).exists()
    assert manager.post(reverse("admin:product_category_delete", args=[desk.pk]), {"post": "yes"}).status_code == 302
    assert not Category.objects.filter(pk=desk.pk).exists()


def test_attributes_are_made_and_changed(manager: Client, lamp: Product) -> None:
    """Code and kind are given once."""
    add = reverse("admin:product_attribute_add")
    fields = {"name": "Height", "code": "height", "kind": "number", "unit": "cm", "filterable": "on", "position": "1"}
    assert manager.post(add, fields).status_code == 302
    assert "already exists" in manager.post(add, fields).text
    height = Attribute.objects.get()
    change = reverse("admin:product_attribute_change", args=[height.pk])
    assert manager.post(change, {"name": "Tall", "code": "x", "kind": "text", "position": "2"}).status_code == 302
    height.refresh_from_db()
    assert (height.name, height.code, height.kind, height.filterable) == ("Tall", "height", "number", False)
    _saved(manager, lamp, opened(manager, _page(lamp)) | {f"attribute_{height.pk}": "2"})
    manager.post(reverse("admin:product_attribute_delete", args=[height.pk]), {"post": "yes"})
    assert Attribute.objects.count() == 1
    _saved(manager, lamp, opened(manager, _page(lamp)) | {f"attribute_{height.pk}": ""})
    manager.post(reverse("admin:product_attribute_delete", args=[height.pk]), {"post": "yes"})
    assert Attribute.objects.count() == 0


def _reviewed(product: Product, text: str) -> Review:
    return Review.objects.create(product=product, account_id=uuid4(), author="Kim", rating=4, text=text)


def test_reviews_are_decided_on_the_page_and_in_the_list(manager: Client, lamp: Product) -> None:
    """The section comes back with the new state; the list acts on many."""
    first, second, third = (_reviewed(lamp, f"Text {n}") for n in range(3))
    assert "Text 0" in manager.get(_page(lamp)).text
    address = reverse("admin:product_reviews", args=[lamp.pk])
    part = manager.post(address, {"review": first.pk, "decision": "approve"}, headers={"X-Requested-With": "fetch"})
    assert (part.status_code, "approved" in part.text, "<html" in part.text) == (200, True, False)
    assert manager.post(address, {"review": "x", "decision": "approve"}).status_code == 404
    chosen = {"action": "refuse", "_selected_action": [second.pk, third.pk]}
    assert manager.post(reverse("admin:product_review_changelist"), chosen).status_code == 302
    assert list(Review.objects.order_by("id").values_list("state", flat=True)) == ["approved", "refused", "refused"]


# --- Files


def test_the_catalogue_comes_as_a_file(manager: Client, lamp: Product) -> None:
    """Import and export are on the list, for those who may."""
    page = manager.get(LIST).text
    assert all(reverse(f"admin:product_{name}") in page for name in ("import", "export"))
    sent = manager.get(reverse("admin:product_export"))
    assert (sent.status_code, sent["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert b"L-S" in b"".join(sent.streaming_content)
    support = _signed_in("support")
    assert reverse("admin:product_import") not in support.get(LIST).text
    assert _signed_in("order-clerk").get(reverse("admin:product_export")).status_code == 403


# --- Permissions

PAGES = ["product", "category", "attribute", "review"]


def test_roles_do_what_is_theirs(lamp: Product) -> None:
    """Warehouse reads, support reads and moderates, an order clerk sees nothing."""
    review = _reviewed(lamp, "Fine")
    may_see = {"warehouse": [200, 200, 403, 403], "support": [200, 403, 403, 200], "order-clerk": [403] * 4}
    for role, expected in may_see.items():
        client = _signed_in(role)
        lists = [client.get(reverse(f"admin:product_{page}_changelist")).status_code for page in PAGES]
        assert lists == expected, role
        page = client.get(_page(lamp))
        assert page.status_code == (403 if role == "order-clerk" else 200)
        assert "Save" not in page.text
        assert client.post(_page(lamp), {"name": "Mine"}).status_code == 403
        assert _upload(client, lamp, _picture()).status_code == 403
        _bulk(client, "change_price", [lamp], how="set", number="1", compare_at="keep", step="apply")
        decided = client.post(
            reverse("admin:product_reviews", args=[lamp.pk]), {"review": review.pk, "decision": "approve"}
        )
        assert decided.status_code == (302 if role == "support" else 403)
    assert (Product.objects.get().name, Image.objects.count()) == ("Lamp", 0)
    assert set(Variant.objects.values_list("price", flat=True)) == {Decimal(10)}


def test_one_who_only_reads_sees_variants_and_pictures(manager: Client, lamp: Product) -> None:
    """As text, without a form."""
    _upload(manager, lamp, _picture())
    page = _signed_in("warehouse").get(_page(lamp)).text
    assert all(text in page for text in ("L-S", "L-L", "10.00", "160."))
    assert 'name="variants-0-price"' not in page
