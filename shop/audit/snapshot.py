"""One consistent, read-only view of a role's database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from shop import context


@contextmanager
def snapshot() -> Iterator[Any]:
    """A cursor whose every statement sees the same moment; it can change nothing.

    The remaining deadline bounds each statement: one that takes longer raises OperationalError.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if (left := context.remaining()) is not None:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(left * 1000)))])
        yield cursor
