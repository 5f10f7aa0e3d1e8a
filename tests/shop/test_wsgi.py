"""The entry point, below every middleware."""

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from shop.wsgi import application


@pytest.mark.parametrize("charset", ["rot13", "zlib", "undefined", "nonsense", "utf-8; c*=nonsense''%41"])
def test_a_charset_nobody_can_decode_by_is_no_failure(charset: str) -> None:
    """Requests are UTF-8, whatever they say: none ends as a 500 before any view."""
    environ: dict[str, Any] = {"PATH_INFO": "/health", "QUERY_STRING": "a=1", "HTTP_HOST": "testserver"}
    setup_testing_defaults(environ)
    environ["CONTENT_TYPE"] = f"application/json; charset={charset}"
    answered: list[str] = []
    list(application(environ, lambda status, headers: answered.append(status)))
    assert answered == ["200 OK"]
