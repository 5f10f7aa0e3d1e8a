"""Lists by cursor: a page costs the same however far it is from the first."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from shop.problems import Problem


class CursorPagination(pagination.CursorPagination):
    """``{"next", "previous", "results"}``, 1-100 a page, no COUNT. Views set ``ordering``, ending in a unique key."""

    page_size = 20
    max_page_size = 100
    page_size_query_param = "limit"
    ordering: str | tuple[str, ...] = "-pk"
    invalid_cursor_message = "The cursor is not one of this list's."

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get(self.page_size_query_param)
        if asked is None:
            return self.page_size
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked[:9]) <= self.max_page_size:
            raise Problem(400, "invalid", errors={"limit": [f"A number from 1 to {self.max_page_size}."]})
        return int(asked)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """The view's ``ordering`` before the class's own."""
        ordering = getattr(view, "ordering", self.ordering)
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def decode_cursor(self, request: Request) -> Any:
        """The request's cursor. Raises Problem 400 for one that this list would not have made."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound as exc:  # DRF's 404; a malformed parameter is a bad request
            raise self._invalid() from exc
        if cursor is not None and self._encoded(cursor) != request.query_params[self.cursor_query_param]:
            raise self._invalid()
        return cursor

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """A page. Raises Problem 400 for a position that is no value of the column it stands for."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError, DataError) as exc:
            raise self._invalid() from exc

    def _encoded(self, cursor: Any) -> str:
        query = parse_qs(urlsplit(self.encode_cursor(cursor)).query)
        return query.get(self.cursor_query_param, [""])[0]

    def _invalid(self) -> Problem:
        return Problem(400, "invalid", errors={self.cursor_query_param: [self.invalid_cursor_message]})
