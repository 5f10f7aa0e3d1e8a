"""What happened to a row of the catalogue and to its parts: who, when, before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from shop.changes.models import Change

_SHOWN = 200  # newest changes of one row; the list of changes has all of them


@dataclass(frozen=True, slots=True)
class Told:
    """One change: ``part`` names what it happened to, empty for the row itself; fields are (column, before, after)."""

    change: Any
    part: str
    fields: list[tuple[str, Any, Any]]


def view(page: Any, request: HttpRequest, row: Any, parts: Sequence[type[Any]]) -> HttpResponse:
    """The history of ``row``, and of the rows of ``parts`` that belong to it."""
    if row is None:
        raise Http404
    if not page.has_view_permission(request, row):
        raise PermissionDenied
    named = {(row._meta.db_table, str(row.pk)): ""}
    for part in parts:
        kind = str(part._meta.verbose_name)
        named |= {(part._meta.db_table, str(each.pk)): f"{kind} {each}" for each in _present(part, row)}
    told = _told(named)
    context = {
        **page.admin_site.each_context(request),
        "title": f"History of {row}",
        "opts": page.opts,
        "object": row,
        "told": told,
        "more": len(told) == _SHOWN,
    }
    return TemplateResponse(request, "product/admin/history.html", context)


def _present(part: type[Any], row: Any) -> Any:
    related = [column.name for column in part._meta.fields if column.is_relation and column.name != "product"]
    return part.objects.filter(product=row.pk).select_related(*related)


def _told(named: Mapping[tuple[str, str], str]) -> list[Told]:
    asked = Q()
    for table in {table for table, _ in named}:
        asked |= Q(table=table, row__in=[pk for of, pk in named if of == table])
    changes = Change.objects.filter(asked).with_actors().order_by("-id")[:_SHOWN]
    return [Told(change, named[change.table, change.row], _fields(change)) for change in changes]


def _fields(change: Change) -> list[tuple[str, Any, Any]]:
    """What differs; of a row that was added, what it was given."""
    before, after = change.before or {}, change.after or {}
    pairs = [(name, before.get(name), after.get(name)) for name in sorted({**before, **after})]
    return [pair for pair in pairs if any(value not in (None, "", [], {}) for value in pair[1:])]
