"""Lists by cursor: a page costs the same however far it is from the first."""

from typing import Any

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

    def decode_cursor(self, request: Request) -> Any:
        try:
            return super().decode_cursor(request)
        except NotFound as exc:  # DRF's 404; a malformed parameter is a bad request
            raise Problem(400, "invalid", errors={"cursor": [self.invalid_cursor_message]}) from exc
