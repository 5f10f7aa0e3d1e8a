"""The audit: silent while the books agree; for each rule one row corrupted by SQL is named by id."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection

from apps.inventory import audit, services
from apps.inventory.models import Item, Movement, Reservation
from shop import context, transport
from shop.audit.registry import book_of
from shop.roles import OPERATOR
from tests.inventory.conftest import broken, receive, reserve

pytestmark = pytest.mark.django_db  # rolled back, dropped constraints included

ID = "reservation"  # stands for the id of the one reservation of 2 LAMP that each case begins with

# Rule, the id it must name, and the SQL that corrupts one row.
CASES = {
    "stock-flow": ("LAMP/main", "UPDATE inventory_stock SET on_hand = on_hand + 1"),
    "stock-ledger": ("LAMP/main", "UPDATE inventory_stock SET reserved = reserved + 1"),
    "stock-reserved": ("LAMP/main", "UPDATE inventory_reservationline SET units = units + 1"),
    "stock-bounds": (
        "LAMP/main",
        "ALTER TABLE inventory_stock DROP CONSTRAINT stock_reserved_le_on_hand;UPDATE inventory_stock SET on_hand = 1",
    ),
    "item-available": ("LAMP", "UPDATE inventory_item SET available = available + 1"),
    "reservation-ledger": (
        ID,
        "ALTER TABLE inventory_movement DISABLE TRIGGER movement_append_only;"
        "DELETE FROM inventory_movement WHERE kind = 'reserve'",
    ),
    "reservation-empty": (ID, "DELETE FROM inventory_reservationline"),
    "reservation-overdue": (ID, "UPDATE inventory_reservation SET expires_at = now() - interval '5 minutes'"),
}


@pytest.fixture
def reservation() -> UUID:
    """Two of five lamps, reserved; nothing is wrong yet."""
    receive("LAMP", 5)
    made = reserve({"LAMP": 2})
    assert broken() == set()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE waits for none
    return made


def _own_rules() -> set[str]:
    return {name for name in book_of("inventory").rules if not name.startswith("event-")}


def test_every_rule_has_a_case() -> None:
    """A rule that was never seen to find anything proves nothing."""
    assert set(CASES) == _own_rules()


@pytest.mark.parametrize("rule", CASES)
def test_a_corrupted_row_is_named(rule: str, reservation: UUID) -> None:
    """By the rule that is about it."""
    expected, corruption = CASES[rule]
    with connection.cursor() as cursor:
        for statement in corruption.split(";"):
            cursor.execute(statement)
    assert (rule, str(reservation) if expected is ID else expected) in broken()


@pytest.mark.parametrize(
    ("end", "state"),
    [(services.commit, "released"), (services.release, "committed"), (services.release, "secured")],
)
def test_a_state_that_the_ledger_denies_is_named(end: Callable[..., None], state: str, reservation: UUID) -> None:
    """Shipped units of a released reservation, released ones of a committed one, and so on."""
    services.secure(reservation_id=reservation)
    end(reservation_id=reservation)
    assert broken() == set()
    Reservation.objects.filter(pk=reservation).update(state=state)
    assert ("reservation-ledger", str(reservation)) in broken()


def test_facts_of_reservations() -> None:
    """Units by SKU over all warehouses, in order of id, by page or by id."""
    receive("LAMP", 2)
    receive("LAMP", 2, "north")
    first, second = sorted([reserve({"LAMP": 3}), reserve({"LAMP": 1})])
    tombstone = uuid4()
    services.release(reservation_id=tombstone)
    everything = audit.reservations(None, "", 10)
    assert [fact["id"] for fact in everything] == sorted(map(str, [first, second, tombstone]))
    assert {"id": str(tombstone), "state": "released", "lines": {}} in everything
    assert sorted(fact["lines"].get("LAMP", 0) for fact in everything) == [0, 1, 3]
    assert audit.reservations(None, everything[0]["id"], 1) == everything[1:2]
    assert [fact["id"] for fact in audit.reservations([str(first), "no uuid"], "", 10)] == [str(first)]


def test_facts_of_levels() -> None:
    """In code point order, as the operator merges them."""
    for sku in ("b", "A", "a", "A-1", "A.1", "B"):
        receive(sku, 1)
    everything = [fact["id"] for fact in audit.levels(None, "", 10)]
    assert everything == sorted(everything)
    assert [fact["id"] for fact in audit.levels(None, "A.1", 2)] == ["B", "a"]


def test_what_will_end_by_itself_is_pending() -> None:
    """Lapsed reservations until they are expired, low stock until it is told."""
    receive("LAMP", 6)
    reserve({"LAMP": 1}, lifetime_s=0)
    assert (audit.reservations_to_expire(), audit.low_stock_to_announce()) == (1, 1)
    services.announce_low_stock()
    services.expire()
    assert (audit.reservations_to_expire(), audit.low_stock_to_announce()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_the_operator_reads_it_all() -> None:
    """Rules, facts and what is pending, through the internal views."""
    receive("LAMP", 9)
    reserve({"LAMP": 2})
    Item.objects.update(available=8)
    with context.working_as(OPERATOR):
        rules = transport.get("inventory", "/inventory/internal/audit/rules", purpose=OPERATOR)
        facts = transport.post(
            "inventory", "/inventory/internal/audit/facts/levels", json_body={"after": ""}, purpose=OPERATOR
        )
    found = {(row["rule"], row["id"]): row["detail"] for row in rules.body["broken"]}
    assert found == {("item-available", "LAMP"): "available 8, free in the warehouses 7"}
    assert facts.body["facts"] == [{"id": "LAMP", "available": 8, "sequence": 2}]
    assert Movement.objects.count() == 2
