"""What a test commits is gone afterwards, and what it took away is back: every other test rests on it."""

import pytest
from django.db import OperationalError, connection, connections

from apps.inventory import services as inventory
from apps.inventory.models import Item, Movement, Warehouse
from apps.order.models import TaxCountry
from shop import context
from shop.changes.models import Change
from shop.identity.models import Account
from tests import tables

pytestmark = pytest.mark.django_db(transaction=True)


def _contents() -> dict[str, list[object]]:
    """Every row of every table, in some order that is the same for the same rows."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables._tables():
            cursor.execute(table.format("SELECT now::text FROM {now} AS now ORDER BY 1"))
            found[table.name] = cursor.fetchall()
    return found


def test_rows_that_came_go_and_rows_that_went_come_back() -> None:
    """New ones, also append-only and with generated columns; a changed one; a deleted one and what it took along."""
    before = _contents()
    assert before["inventory_warehouse"]
    assert before["order_taxcountry"]
    assert before["auth_permission"]
    with context.working_as("inventory"):
        inventory.receive(sku="LAMP", warehouse="main", quantity=5, reference="note", actor="")
    Account.objects.create_superuser(email="boss@example.com", password=None)
    Warehouse.objects.filter(code="main").update(name="Another")
    TaxCountry.objects.first().delete()  # type: ignore[union-attr]
    assert Item.objects.exists()
    assert Movement.objects.exists()
    assert Change.objects.exists()
    tables.restore()
    assert _contents() == before


def test_a_generated_column_follows_from_what_is_put_back() -> None:
    """Rows that a migration might bring to such a table."""
    with context.working_as("inventory"):
        inventory.receive(sku="LAMP", warehouse="main", quantity=5, reference="note", actor="")
    (item,) = (table for table in tables._tables() if table.name == "inventory_item")
    assert "low" not in item.columns
    before = _contents()["inventory_item"]
    with connection.cursor() as cursor:
        cursor.execute(item.format("CREATE TABLE {then} AS SELECT {columns} FROM {now}"))
        try:
            Item.objects.update(reorder_point=9)
            tables.restore()
            assert _contents()["inventory_item"] == before
        finally:
            cursor.execute(item.format("DROP TABLE {then}"))


def test_a_transaction_that_is_left_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the test that left it, not by the next one."""
    monkeypatch.setattr(tables, "_PATIENCE", "100ms")
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("INSERT INTO inventory_warehouse (code, name, priority) VALUES ('x', 'X', 1)")
        with pytest.raises(OperationalError, match="lock timeout"):
            tables.restore()
    finally:
        other.rollback()
        other.close()
