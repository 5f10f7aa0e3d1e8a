"""Migration operations that make a table leave its history in ``Change``."""

from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Track(Operation):
    """Record changes of ``table``'s rows, by triggers.

    Without ``only`` rows that are added and deleted are recorded, and every column except those in
    ``ignore``: secrets, and what the machine keeps. With ``only`` nothing but updates of these
    columns, so that other updates cost nothing. ``named``: only where somebody of the staff or a
    command says who it is, for tables that customers or the machine write too. ``key`` is the
    primary key's column. Imports record themselves (``services.note``), never row by row.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(
        self, table: str, ignore: Sequence[str] = (), only: Sequence[str] = (), named: bool = False, key: str = "id"
    ) -> None:
        self.table = table
        self.ignore = list(ignore)
        self.only = list(only)
        self.named = named
        self.key = key

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Models do not change."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Create the triggers."""
        quoted = schema_editor.quote_name
        table, mode = quoted(self.table), "only" if self.only else "ignore"
        columns = self.only or self.ignore
        arguments = ", ".join(f"'{word}'" for word in (self.key, mode, *columns))
        of = f" OF {', '.join(map(quoted, self.only))}" if self.only else ""
        call = f"EXECUTE FUNCTION changes_record({arguments})"
        schema_editor.execute(
            f"CREATE TRIGGER changes_update AFTER UPDATE{of} ON {table} FOR EACH ROW"
            f" WHEN ({self._when()} AND OLD.* IS DISTINCT FROM NEW.*) {call}",
            params=None,
        )
        if not self.only:
            schema_editor.execute(
                f"CREATE TRIGGER changes_rows AFTER INSERT OR DELETE ON {table} FOR EACH ROW"
                f" WHEN ({self._when()}) {call}",
                params=None,
            )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        """Drop them; what was recorded stays."""
        table = schema_editor.quote_name(self.table)
        for name in ("changes_update", "changes_rows"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}", params=None)

    def describe(self) -> str:
        return f"Record changes of {self.table}"

    def _when(self) -> str:
        source = "coalesce(current_setting('shop.source', true), '')"
        named = f"{source} <> '' OR coalesce(current_setting('shop.actor', true), '') <> ''"
        return f"{source} <> 'import' AND ({named})" if self.named else f"{source} <> 'import'"
