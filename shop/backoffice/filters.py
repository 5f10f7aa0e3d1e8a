"""Filters of the admin's lists."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date

if TYPE_CHECKING:  # unfold is untyped, and its filter is one
    from django.contrib.admin import DateFieldListFilter as RangeDateFilter
else:
    from unfold.contrib.filters.admin import RangeDateFilter


class Days(RangeDateFilter):
    """Rows of the days from one date to another, both included (UTC). What is no date filters nothing."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": last + timedelta(days=1)})
        return queryset

    def _day(self, end: str) -> Any:
        typed = str(self.used_parameters.get(f"{self.field_path}_{end}") or "")
        try:
            return parse_date(typed)
        except ValueError:
            return None
