"""What code says about a change itself, where rows alone do not tell it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from shop import context
from shop.transactions import step

IMPORT = "import"  # the source under which tables record nothing by themselves


@step
def note(*, table: str, row: object, action: str, after: dict[str, Any] | None = None) -> None:
    """Record what somebody did in words of its own: an import with its counts, a password that was set."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {"table": table, "row": str(row), "action": action, "after": None if after is None else json.dumps(after)},
        )


@contextmanager
def coming_from(source: str) -> Iterator[None]:
    """Commands in this block record ``source``: ``IMPORT``, or the name of a management command."""
    token = context.change_source.set(source)
    try:
        yield
    finally:
        context.change_source.reset(token)


@contextmanager
def session_says() -> Iterator[None]:
    """Statements of this block say who acts, also outside of commands; two statements more, for the admin alone."""
    with connection.cursor() as cursor:
        cursor.execute(_SAY, [context.staff_actor.get(), context.change_source.get()])
    try:
        yield
    finally:
        if connection.connection is not None:  # a lost one has nothing to forget
            with connection.cursor() as cursor:
                cursor.execute(_SAY, ["", ""])


_SAY = "SELECT set_config('shop.actor', %s, false), set_config('shop.source', %s, false)"
_NOTE = """
INSERT INTO changes_change (actor, source, "table", row, action, after)
VALUES (
    nullif(current_setting('shop.actor', true), '')::uuid, coalesce(current_setting('shop.source', true), ''),
    %(table)s, %(row)s, %(action)s, %(after)s::jsonb
)
"""
