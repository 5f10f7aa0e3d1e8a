"""Tables as the migrations left them, after every test that commits.

Django's own way, ``flush``, empties every table and lets each app's signals fill it again; that takes longer than most
of the tests, and takes away what the migrations brought: a warehouse, a tariff, the right to a row. Here only what a
test changed is put back. Sequences go on, as they do after ``flush``.
"""

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from psycopg import sql

_MIGRATED = "migrated"  # the schema that keeps what the migrations brought
_TABLES = """
    SELECT tablename, EXISTS (SELECT FROM pg_tables AS kept WHERE kept.schemaname = %s AND kept.tablename = t.tablename)
    FROM pg_tables AS t WHERE schemaname = 'public' AND tablename <> 'django_migrations'
"""


def remember() -> None:
    """Keep what the tables hold now: to be called once, when they are migrated."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(_MIGRATED)))
        for table, _ in _tables():
            cursor.execute(sql.SQL("SELECT EXISTS (TABLE {})").format(_now(table)))
            if cursor.fetchone() == (True,):
                cursor.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(_then(table), _now(table)))


def restore() -> None:
    """Put back what was changed since ``remember``."""
    kept = dict(_tables())
    changed = sql.SQL(" UNION ALL ").join(_changed(table, was_filled=kept[table]) for table in kept)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(changed)
        names = [name for (name,) in cursor.fetchall()]
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger: of references, of history
        for table in names:
            cursor.execute(sql.SQL("DELETE FROM {}").format(_now(table)))
            if kept[table]:
                cursor.execute(sql.SQL("INSERT INTO {} TABLE {}").format(_now(table), _then(table)))
    ContentType.objects.clear_cache()


def _tables() -> list[tuple[str, bool]]:
    """Each table's name, and whether the migrations left rows in it."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [_MIGRATED])
        return list(cursor.fetchall())


def _changed(table: str, *, was_filled: bool) -> sql.Composed:
    """A query with one row, the table's name, if it does not hold what it held."""
    template = "SELECT {name} WHERE EXISTS (TABLE {now})"
    if was_filled:
        template = (
            "SELECT {name} WHERE EXISTS (TABLE {now} EXCEPT TABLE {then}) OR EXISTS (TABLE {then} EXCEPT TABLE {now})"
        )
    return sql.SQL(template).format(name=sql.Literal(table), now=_now(table), then=_then(table))


def _now(table: str) -> sql.Identifier:
    return sql.Identifier("public", table)


def _then(table: str) -> sql.Identifier:
    return sql.Identifier(_MIGRATED, table)
