"""The admin's import page: a file is looked at, then applied by whoever may, once."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from apps.product import tasks
from apps.product.importing import runs, services
from apps.product.models import Import, Product
from shop import context
from shop.changes.models import Change
from shop.identity.models import Account
from tests.product.files import PLAIN, POTS, table
from tests.product.snapshot import catalogue

pytestmark = pytest.mark.django_db(transaction=True)

State = Import.State


@pytest.fixture
def manager(transactional_db: None) -> Client:
    """A browser in which a catalogue manager is signed in."""
    return _signed_in("catalogue-manager")


def _signed_in(role: str) -> Client:
    account = Account.objects.create_user(email=f"{role}@example.com", password=None, is_staff=True, staff_roles=[role])
    client = Client()
    client.force_login(account)
    return client


def _upload(client: Client, content: str, *, currency: str = "EUR") -> str:
    """The address of the page of the import."""
    file = SimpleUploadedFile("pots.csv", content.encode(), "text/csv")
    answer = client.post(reverse("admin:product_import"), {"file": file, "currency": currency})
    assert answer.status_code == 302, answer.text
    return str(answer["Location"])


def _work() -> None:
    with context.working_as("product"):
        while tasks.work_at_imports():
            pass


def _text(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def test_a_file_is_previewed_and_applied_as_previewed(manager: Client) -> None:
    """Nothing changes before; afterwards what was shown is what there is."""
    address = _upload(manager, POTS)
    assert "data-busy" in manager.get(address).text
    _work()
    page = manager.get(address)
    assert "data-busy" not in page.text
    assert "To create 2 To change 0 Unchanged 0 SKUs with opening stock 2" in _text(page)
    assert "New attributes: Material (text), Height (number), Dishwasher safe (boolean)" in _text(page)
    assert not Product.objects.exists()
    assert manager.post(address).status_code == 302
    assert manager.get(f"{address}/state").text.count("data-busy") == 1
    _work()
    assert "Created 2 Changed 0 Unchanged 0" in _text(manager.get(f"{address}/state"))
    assert Product.objects.count() == 2


def test_changes_are_shown_field_by_field(manager: Client) -> None:
    """Before and after."""
    for content in (POTS, POTS.replace("9.99", "8.99").replace("Copper light", "Copper lamp")):
        address = _upload(manager, content)
        _work()
        if content == POTS:
            manager.post(address)
            _work()
    text = _text(manager.get(address))
    assert "copper-light name Copper light Copper lamp" in text
    assert "CLAY-POT-REGULAR price 9.99 8.99" in text


def test_bad_rows_are_listed_and_cannot_be_applied(manager: Client) -> None:
    """By line, column and what is wrong; the list is bounded, its total is not."""
    address = _upload(manager, table(*(PLAIN | {"Handle": f"x{number}"} for number in range(130))))
    _work()
    page = manager.get(address)
    assert "130 things are wrong with this file" in _text(page)
    assert "2 Title is missing" in _text(page)
    assert "and 30 more" in _text(page)
    manager.post(address)
    _work()
    assert Import.objects.get().state == State.REFUSED
    assert not Product.objects.exists()


def test_what_is_no_product_file_is_refused_with_a_reason(manager: Client) -> None:
    """Rather than with a trace."""
    address = _upload(manager, "a,b\n1,2\n")
    _work()
    assert "is this a product file of Shopify?" in manager.get(address).text


def test_a_file_is_applied_once_whoever_presses(manager: Client) -> None:
    """The second one is told; the same file brought in again changes nothing."""
    address = _upload(manager, POTS)
    _work()
    manager.post(address)
    _work()
    before = catalogue()
    other = _signed_in("administrator")
    other.post(address)
    assert "Somebody has applied this file already" in other.get(address).text
    again = _upload(manager, POTS)
    _work()
    assert "To create 0 To change 0 Unchanged 2" in _text(manager.get(again))
    manager.post(again)
    _work()
    assert catalogue() == before


def test_an_import_leaves_who_and_how_much(manager: Client) -> None:
    """One line for the whole of it."""
    address = _upload(manager, POTS)
    _work()
    manager.post(address)
    _work()
    change = Change.objects.get(table="product_import")
    assert str(change.actor) == Import.objects.get().applied_by
    assert (change.action, change.after["created"]) == ("import", 2)
    assert Change.objects.count() == 1


@pytest.mark.parametrize("role", ["order-clerk", "warehouse", "support"])
def test_others_may_not_import(role: str, manager: Client) -> None:
    """Neither bring in, nor look, nor apply."""
    address = _upload(manager, POTS)
    client = _signed_in(role)
    begin = reverse("admin:product_import")
    answers = [client.get(begin), client.post(begin), client.get(address), client.post(address)]
    assert {answer.status_code for answer in [*answers, client.get(f"{address}/state")]} == {403}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({}, "Product file (CSV): This field is required."),
        ({"currency": "euro"}, "Currency: Ensure this value has at most 3 characters"),
        ({"currency": "eur"}, "Currency: Three capital letters, like EUR."),
    ],
    ids=["no file", "word", "small"],
)
def test_a_form_says_what_it_lacks(manager: Client, sent: dict[str, str], said: str) -> None:
    """And keeps nothing."""
    page = manager.post(reverse("admin:product_import"), {"currency": "EUR", **sent})
    assert said in page.text
    assert not Import.objects.exists()


def test_a_worker_that_lost_its_lease_applies_nothing(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another has begun meanwhile: what the first did is undone with its transaction, and done once."""
    address = _upload(manager, POTS)
    _work()
    manager.post(address)
    apply_step = services.apply_step

    def overtaken(**given: Any) -> services.Counts:
        monkeypatch.setattr(services, "apply_step", apply_step)
        counts = apply_step(**given)
        _take_over()
        return counts

    monkeypatch.setattr(services, "apply_step", overtaken)
    assert runs.work_due() == 1
    assert not Product.objects.exists()
    assert Import.objects.get().state == State.APPLYING
    Import.objects.update(lease_until=None)
    _work()
    assert (Product.objects.count(), Import.objects.get().state) == (2, State.APPLIED)


def _take_over() -> None:
    """As another worker does once the lease has run out."""

    def other() -> None:
        Import.objects.update(epoch=F("epoch") + 1)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(other).result(timeout=10)


def test_a_file_that_kills_its_workers_is_refused_in_the_end(manager: Client) -> None:
    """Rather than tried for ever."""
    address = _upload(manager, POTS)
    Import.objects.update(epoch=9)
    _work()
    assert "broken off several times" in manager.get(address).text


def test_a_file_that_is_gone_is_asked_for_again(manager: Client) -> None:
    """The storage lost it between upload and job."""
    address = _upload(manager, POTS)
    Import.objects.update(digest="0" * 64)
    _work()
    assert "upload it again" in manager.get(address).text
