"""Commands and steps against a real PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, OperationalError, connection

from shop import context
from shop.idempotency.models import Record
from shop.transactions import command, step

pytestmark = pytest.mark.django_db(transaction=True)


def _touch(key: str) -> None:
    Record.objects.filter(scope="t", key=key).update(resource="x")


@step
def _joined() -> str:
    return "joined"


@command
def _outer() -> str:
    return _inner()


@command
def _inner() -> str:
    return _joined()


def test_a_command_inside_a_command_is_refused() -> None:
    """Its commit would be a savepoint's, which the outer one can still undo."""
    with pytest.raises(RuntimeError):
        _outer()


def test_a_step_outside_a_command_is_refused() -> None:
    """A step has no transaction of its own."""
    with pytest.raises(RuntimeError, match="is a step"):
        _joined()
    assert _inner() == "joined"


def test_a_deadlock_is_retried() -> None:
    """Two commands that lock two rows in opposite order both succeed in the end."""
    for key in ("a", "b"):
        Record.objects.create(scope="t", key=key)
    both_hold_one = threading.Barrier(2)
    met = threading.Event()

    @command
    def lock(first: str, second: str) -> int:
        tries.append(first)
        _touch(first)
        if not met.is_set():
            both_hold_one.wait(5)
            met.set()
        _touch(second)
        return 1

    def run(order: tuple[str, str]) -> int:
        try:
            return lock(*order)
        finally:
            connection.close()

    tries: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [("a", "b"), ("b", "a")])) == [1, 1]
    assert len(tries) == 3


def test_other_database_errors_are_not_retried() -> None:
    """Only what is known to have done nothing runs again."""
    tries = []

    @command
    def fail() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    with pytest.raises(DatabaseError):
        fail()
    assert tries == [1]


def test_the_deadline_bounds_a_statement() -> None:
    """A statement that outlives the caller's deadline is cancelled by the server."""

    @command
    def slow() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    with context.deadline(0.2), pytest.raises(OperationalError):
        slow()


def test_nothing_starts_after_the_deadline() -> None:
    """Work nobody waits for is not begun."""
    with context.deadline(0), pytest.raises(context.DeadlineExceeded):
        _inner()
