"""Tables as the migrations left them, after every test that commits.

Django's own way, ``flush``, empties every table and lets each app's signals fill it again. That takes longer than most
of the tests, and takes away what the migrations brought: a warehouse, a tariff, the staff's permissions. Here only what
a test changed is put back. Sequences go on, as they do after ``flush`` in a test. The login has to be a superuser's.
"""

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from psycopg import sql

_MIGRATED = "migrated"  # the schema that keeps what the migrations brought
_PATIENCE = "10s"  # for a transaction that a test left open; then that test fails
_TABLES = """
    SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum),
        to_regclass(%s || '.' || quote_ident(c.relname)) IS NOT NULL
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'django_migrations'
        AND a.attgenerated = ''
    GROUP BY c.relname
"""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table, and the copy of its rows where the migrations left some. Generated columns follow from the others."""

    name: str
    columns: list[str]
    has_copy: bool

    @property
    def now(self) -> sql.Identifier:
        return sql.Identifier("public", self.name)

    @property
    def then(self) -> sql.Identifier:
        return sql.Identifier(_MIGRATED, self.name)

    def format(self, template: str) -> sql.Composed:
        """``{now}``, ``{then}``, ``{columns}`` and, as text, ``{name}``."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return sql.SQL(template).format(now=self.now, then=self.then, columns=columns, name=sql.Literal(self.name))


def remember() -> None:
    """Keep what the tables hold now: to be called once, when they are migrated."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(_MIGRATED)))
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(_MIGRATED)))
        for table in _tables():
            cursor.execute(table.format("SELECT EXISTS (TABLE {now})"))
            if cursor.fetchone() == (True,):
                cursor.execute(table.format("CREATE TABLE {then} AS SELECT {columns} FROM {now}"))


def restore() -> None:
    """Put back what was changed since ``remember``. Raises OperationalError where a transaction is still open."""
    tables = _tables()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_PATIENCE])
        everything = sql.SQL(", ").join(table.now for table in tables)
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(everything))
        cursor.execute(sql.SQL(" UNION ALL ").join(map(_name_if_changed, tables)))
        changed = {name for (name,) in cursor.fetchall()}
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger: of references, of history
        for table in tables:
            if table.name in changed:
                _put_back(table)
    ContentType.objects.clear_cache()


def _tables() -> list[_Table]:
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [_MIGRATED])
        return [_Table(*row) for row in cursor.fetchall()]


def _name_if_changed(table: _Table) -> sql.Composed:
    """A query with one row, the table's name, if it does not hold what it held."""
    if not table.has_copy:
        return table.format("SELECT {name} WHERE EXISTS (TABLE {now})")
    return table.format(
        "SELECT {name} WHERE EXISTS (SELECT {columns} FROM {now} EXCEPT ALL TABLE {then})"
        " OR EXISTS (TABLE {then} EXCEPT ALL SELECT {columns} FROM {now})"
    )


def _put_back(table: _Table) -> None:
    with connection.cursor() as cursor:
        cursor.execute(table.format("DELETE FROM {now}"))
        if table.has_copy:
            cursor.execute(table.format("INSERT INTO {now} ({columns}) OVERRIDING SYSTEM VALUE TABLE {then}"))
