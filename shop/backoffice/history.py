"""A row's history as its page shows it: who changed what, from which value to which."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from shop.changes.models import Change

SHOWN = 200  # newest changes of one table
_LONGEST = 200  # characters of a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One change; ``fields`` are (name, before, after) of what differs."""

    at: datetime
    who: str
    source: str
    what: str
    fields: list[tuple[str, str, str]]


def of(obj: models.Model, parts: Mapping[type[models.Model], str]) -> list[Told]:
    """The history of ``obj`` and of the rows that are its parts (model -> its key to it), newest first."""
    found = list(Change.objects.of(obj._meta.db_table, obj.pk)[:SHOWN])
    for model, key in parts.items():
        pks = list(model._default_manager.filter(**{key: obj.pk}).values_list("pk", flat=True)[:SHOWN])
        found += Change.objects.of(model._meta.db_table, *pks)[:SHOWN]
    found.sort(key=lambda change: -change.pk)
    return [_told(change, obj) for change in found[:SHOWN]]


def _told(change: Any, obj: models.Model) -> Told:
    own = change.table == obj._meta.db_table
    return Told(
        at=change.at,
        who=change.actor_email or str(change.actor or "the shop itself"),
        source=change.source,
        what=change.action if own else f"{change.table.partition('_')[2]} {change.row}: {change.action}",
        fields=list(_fields(change.before or {}, change.after or {})),
    )


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in sorted({*before, *after}):
        yield name.replace("_", " "), _text(before.get(name)), _text(after.get(name))


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
