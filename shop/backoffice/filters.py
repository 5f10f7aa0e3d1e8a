"""Filters of the admin's lists."""

from datetime import UTC, datetime, time, timedelta
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

    def _day(self, end: str) -> datetime | None:
        """The midnight with which the day begins; None where none was chosen."""
        typed = str(self.used_parameters.get(f"{self.field_path}_{end}") or "")
        try:
            day = parse_date(typed)
        except ValueError:
            return None
        return datetime.combine(day, time.min, UTC) if day else None
