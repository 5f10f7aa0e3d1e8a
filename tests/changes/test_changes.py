"""The history of changes: what it records, of whom, and what it leaves out."""

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.inventory import services as inventory
from apps.inventory.models import Item
from apps.order.models import TaxCountry, TaxRate
from apps.shipping.models import Zone
from apps.user import services as user
from shop import context
from shop.celery import app
from shop.changes import services
from shop.changes.models import Change
from shop.changes.retention import tidy_changes
from shop.env import ConfigError, read
from shop.identity import tokens
from shop.identity.models import Account
from shop.transactions import command
from tests.order.world import Tuned

pytestmark = pytest.mark.django_db(transaction=True)


def told(table: str, row: object) -> list[tuple[str, Any, Any, UUID | None, str]]:
    """The history of a row, oldest first."""
    found = reversed(Change.objects.of(table, row))
    return [(each.action, each.before, each.after, each.actor, each.source) for each in found]


@command
def tax(*, percent: str) -> TaxRate:
    """A write like any service's."""
    country, _ = TaxCountry.objects.get_or_create(country="ZZ")
    rate, _ = TaxRate.objects.update_or_create(country=country, tax_class="standard", defaults={"percent": percent})
    return rate


def test_what_a_row_was_and_became_is_kept(boss: Account) -> None:
    """Adding, changing and deleting: only the columns that differ, with actor and source."""
    context.act_as_staff(boss.pk, source="api")
    rate = tax(percent="19.00")
    pk = rate.pk
    tax(percent="20.00")
    tax(percent="20.00")
    TaxRate.objects.filter(pk=pk).delete()
    row = {"id": pk, "country_id": "ZZ", "tax_class": "standard"}
    assert told("order_taxrate", pk) == [
        ("add", None, row | {"percent": 19.00}, boss.pk, "api"),
        ("change", {"percent": 19.00}, {"percent": 20.00}, boss.pk, "api"),
        ("delete", row | {"percent": 20.00}, None, None, ""),  # not by a command: nobody said who
    ]
    assert Change.objects.of("order_taxrate", pk)[1].actor_email == "boss@example.com"


def test_an_actor_ends_with_its_transaction(boss: Account) -> None:
    """A pooled connection carries nobody over to the next request."""
    context.act_as_staff(boss.pk, source="api")
    tax(percent="1.00")
    context.act_as_staff("", source="")
    assert told("order_taxrate", tax(percent="2.00").pk)[-1][3:] == (None, "")


def test_the_history_is_append_only(boss: Account) -> None:
    """Nobody rewrites it, the table's owner included."""
    tax(percent="1.00")
    for write in (Change.objects.all().delete, lambda: Change.objects.update(source="x")):
        with pytest.raises(DatabaseError, match="append-only"):
            write()


def _age(days: int) -> int:
    """A change as old as that; its id."""
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO changes_change (at, "table", row, action)'
            " VALUES (now() - make_interval(days => %s), 'x', 'y', 'add') RETURNING id",
            [days],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("kept_days", [365, 30])
def test_the_history_is_forgotten_after_its_period(tuned: Tuned, kept_days: int) -> None:
    """What is older, and nothing else; and only by the job: a deletion by hand is refused at any age."""
    tuned(changes_kept_s=kept_days * 86400)
    ages = (kept_days + 400, kept_days + 1, kept_days - 1, 0)
    ids = [_age(days) for days in ages]
    with pytest.raises(DatabaseError, match="append-only"):
        Change.objects.filter(pk=ids[0]).delete()
    assert (tidy_changes(), tidy_changes()) == (2, 0)
    assert sorted(Change.objects.values_list("pk", flat=True)) == ids[2:]
    with pytest.raises(DatabaseError, match="append-only"):
        Change.objects.all().delete()  # what the job said has ended with its transaction


def test_the_period_is_a_year_and_at_least_a_day() -> None:
    """Where the environment does not say otherwise; a job keeps to it."""
    assert read({}).changes_kept_s == 365 * 86400
    assert read({"CHANGES_KEPT_S": "86400"}).changes_kept_s == 86400
    with pytest.raises(ConfigError, match="CHANGES_KEPT_S must be a day"):
        read({"CHANGES_KEPT_S": "3600"})
    app.loader.import_default_modules()
    assert "product.tidy_changes" in app.conf.beat_schedule


def test_an_import_records_itself_alone(boss: Account) -> None:
    """Its rows are not recorded one by one: it notes its own summary."""

    @command
    def imported() -> None:
        tax_rate = TaxRate.objects.create(country=TaxCountry.objects.create(country="ZZ"), tax_class="x", percent="1")
        services.note(table="order_taxrate", row=tax_rate.pk, action="import", after={"rows": 1})

    context.act_as_staff(boss.pk, source="admin")
    with services.coming_from(services.IMPORT):
        imported()
    assert [(c.action, c.after, c.actor, c.source) for c in Change.objects.all()] == [
        ("import", {"rows": 1}, boss.pk, "import")
    ]


def test_only_named_columns_are_watched_where_the_machine_writes() -> None:
    """Stock moves without a trace in the history; a reorder point does not."""
    with context.working_as("inventory"):
        inventory.receive(sku="LAMP", warehouse="main", quantity=5, reference="note", actor="")
        assert told("inventory_item", "LAMP") == []
    Item.objects.filter(pk="LAMP").update(reorder_point=3)
    assert told("inventory_item", "LAMP") == [("change", {"reorder_point": 5}, {"reorder_point": 3}, None, "")]


def test_customers_leave_no_history(boss: Account) -> None:
    """Their addresses and names are their own; what staff change of them is recorded, without a secret."""
    ada = user.register(email="ada@example.com", password="correct-horse-battery", name="Ada")
    user.rename(account=ada, name="Ada L.")
    address = {"name": "Ada", "line1": "1 Main Street", "city": "Berlin", "country": "DE"}
    book = user.add_address(account_id=ada.pk, fields=address)
    assert not Change.objects.exists()
    context.act_as_staff(boss.pk, source="api")
    user.change_address(account_id=ada.pk, address_id=book.pk, fields={"city": "Bonn"})
    assert told("user_address", book.pk) == [("change", {"city": "Berlin"}, {"city": "Bonn"}, boss.pk, "api")]
    user.set_password(account_id=ada.pk, encoded="secret")
    assert [(action, after) for action, _, after, *_ in told("identity_account", ada.pk)] == [("password", None)]


@pytest.fixture
def admin(boss: Account) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def test_a_page_of_the_admin_names_who_saved_it(boss: Account, admin: Client) -> None:
    """Also where Django's own code saves, outside of any command; a rolled-back save leaves nothing."""
    areas = {"areas-TOTAL_FORMS": "0", "areas-INITIAL_FORMS": "0"}
    assert admin.post("/admin/shipping/zone/add/", {"name": "Moon", **areas}).status_code == 302
    zone = Zone.objects.get(name="Moon")
    assert told("shipping_zone", zone.pk) == [("add", None, {"id": zone.pk, "name": "Moon"}, boss.pk, "admin")]
    assert admin.post(f"/admin/shipping/zone/{zone.pk}/delete/", {"post": "yes"}).status_code == 302
    assert told("shipping_zone", zone.pk)[-1][3:] == (boss.pk, "admin")
    Zone.objects.create(name="Mars")  # the same connection, and nobody is at work any more
    assert Change.objects.first().actor is None


def test_a_request_of_the_api_names_who_sent_it(boss: Account) -> None:
    """By token; a customer's request says nothing and pays nothing for it."""
    token = tokens.mint(boss)
    body = {"code": "east", "name": "East", "priority": 7}
    sent = Client().post(
        "/inventory/warehouses", body, content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )
    assert sent.status_code == 201, sent.content
    assert told("inventory_warehouse", "east")[-1][3:] == (boss.pk, "api")


def test_naming_the_actor_costs_no_statement(boss: Account) -> None:
    """It travels with the deadline; without either there is no statement at all."""
    counts = []
    for actor, limit_s in ((None, None), (None, 5), (boss, 5)):
        context.act_as_staff(actor.pk if actor else "", source="api" if actor else "")
        with CaptureQueriesContext(connection) as queries:
            if limit_s is None:
                tax(percent="3.00")
            else:
                with context.deadline(limit_s):
                    tax(percent="3.00")
        counts.append(len([q for q in queries.captured_queries if "set_config" in q["sql"]]))
    assert counts == [0, 1, 1]
