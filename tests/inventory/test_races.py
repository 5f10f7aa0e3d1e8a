"""Twenty buyers at once for the last unit: real threads, connections and transactions.

The defence has three layers, each removed in a test of its own and all in the control:

1. the locks: ``ledger.lock`` reads free units FOR NO KEY UPDATE, so the check sees what the one before has done;
2. the constraints of Stock: reserved <= on_hand;
3. the constraint of Item: available >= 0.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from apps.inventory import ledger, services
from apps.inventory.models import Item, Reservation, Stock
from tests.inventory.conftest import available, broken, receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)

BUYERS = 20
AT_ONCE = 10  # threads that hold a connection together; the pool has 12
CONSTRAINTS = {"inventory_stock": "stock_reserved_le_on_hand", "inventory_item": "item_available_not_negative"}


def _outcome(command: Callable[[], object]) -> str:
    try:
        command()
    except (services.OutOfStock, services.Superseded, IntegrityError) as exc:
        return type(exc).__name__
    finally:
        connection.close()
    return "done"


def _together(commands: list[Callable[[], object]]) -> Counter[str]:
    with ThreadPoolExecutor(len(commands)) as pool:
        return Counter(pool.map(_outcome, commands))


def _buyers() -> list[Callable[[], object]]:
    return [partial(reserve, {"LAMP": 1})] * BUYERS


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everyone reads free units before anyone takes them."""
    monkeypatch.setattr(ledger, "_LOCK", ledger._LOCK.partition("FOR NO KEY UPDATE")[0])
    meet, read = Barrier(AT_ONCE), services.ledger.lock

    def slow_read(skus: object) -> object:
        shelves = read(skus)  # type: ignore[arg-type]
        meet.wait(timeout=10)
        return shelves

    monkeypatch.setattr(services.ledger, "lock", slow_read)


@pytest.fixture
def without_constraints(db: None) -> Iterator[Callable[[str], None]]:
    """Drop the constraint of a table; restored afterwards, with the table emptied."""
    dropped = []

    def drop(table: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", [CONSTRAINTS[table]]
            )
            dropped.append((table, cursor.fetchone()[0]))
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {CONSTRAINTS[table]}")

    yield drop
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE inventory_item CASCADE")
        for table, definition in dropped:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {CONSTRAINTS[table]} {definition}")


def test_the_last_unit_is_reserved_once() -> None:
    """One reservation, nineteen refusals, and the books agree."""
    receive("LAMP", 1)
    assert _together(_buyers()) == {"done": 1, "OutOfStock": BUYERS - 1}
    assert Reservation.objects.count() == 1
    assert available("LAMP") == 0
    assert broken() == set()


@pytest.mark.usefixtures("without_locks")
@pytest.mark.parametrize("removed", [None, "inventory_stock", "inventory_item"])
def test_without_locks_a_constraint_still_refuses(
    removed: str | None, without_constraints: Callable[[str], None]
) -> None:
    """Either constraint alone keeps the last unit from being promised twice."""
    receive("LAMP", 1)
    if removed:
        without_constraints(removed)
    outcomes = _together(_buyers())
    assert outcomes["done"] == 1
    assert outcomes["IntegrityError"] > 0
    assert broken() == set()


@pytest.mark.usefixtures("without_locks")
def test_control_without_any_layer_the_last_unit_is_oversold(without_constraints: Callable[[str], None]) -> None:
    """No locks, no constraints: the race is real, and the audit names what it broke."""
    receive("LAMP", 1)
    for table in CONSTRAINTS:
        without_constraints(table)
    assert _together(_buyers())["done"] > 1
    assert Stock.objects.get(item="LAMP").reserved > 1
    assert Item.objects.get(pk="LAMP").available < 0
    assert ("stock-bounds", "LAMP/main") in broken()


def test_opposite_orders_of_lines_do_not_deadlock() -> None:
    """Rows are locked in one order, whatever buyers name first and whichever warehouse they draw on."""
    skus = [f"S{number}" for number in range(8)]
    for sku in skus:
        receive(sku, 5)
        receive(sku, 5, "north")
    orders = [skus if buyer % 2 else skus[::-1] for buyer in range(BUYERS)]
    before = _deadlocks()
    outcomes = _together([partial(_reserve_and_release, order) for order in orders])
    assert _deadlocks() == before
    assert set(outcomes) <= {"done", "OutOfStock"}
    assert all(available(sku) == 10 for sku in skus)
    assert broken() == set()


def _deadlocks() -> int:
    """Deadlocks PostgreSQL has broken: commands retry them, so nothing else would show."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        count: int = cursor.fetchone()[0]
    return count


def _reserve_and_release(order: list[str]) -> None:
    reservation = reserve(dict.fromkeys(order, 1))
    services.release(reservation_id=reservation)


def test_one_id_sent_fifty_times_at_once_reserves_once() -> None:
    """Repeats wait for the first and return its result."""
    receive("LAMP", 50)
    chosen = uuid4()
    outcomes = _together([partial(reserve, {"LAMP": 1}, reservation_id=chosen)] * 50)
    assert outcomes == {"done": 50}
    assert available("LAMP") == 49


def test_release_and_reserve_of_one_id_at_once_leave_nothing_reserved() -> None:
    """Whichever comes first: the release waits for a reserve in flight, or refuses it."""
    receive("LAMP", 5)
    for _ in range(10):
        chosen = uuid4()
        release = partial(services.release, reservation_id=chosen)
        _together([release, release, partial(reserve, {"LAMP": 1}, reservation_id=chosen)])
        assert available("LAMP") == 5
    assert broken() == set()


def test_batches_of_expiry_share_the_work() -> None:
    """Several workers at once free each reservation once."""
    receive("LAMP", 40)
    for _ in range(40):
        reserve({"LAMP": 1}, lifetime_s=0)
    _together([partial(services.expire, limit=7)] * 6)
    while services.expire():
        pass
    assert available("LAMP") == 40
    assert broken() == set()
