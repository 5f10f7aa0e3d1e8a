"""A call inside one process: the same request to the same view, without a socket.

No request signals are sent (they would close the caller's database connection). ServiceMiddleware
gives the call a context of its own, so that role, deadline and language end with it.
"""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import BytesIO
from typing import Any, cast

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import ResolverMatch, resolve

from shop.middleware import ServiceMiddleware
from shop.problems import not_found, response

logger = logging.getLogger(__name__)


def send(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Status and body of the view's answer; what the view failed to handle is a 500, as over HTTP."""
    request = WSGIRequest(_environ(method, path, headers, body))
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # no browser is involved
    answer = cast(Any, _handler()(request))
    if hasattr(answer, "render"):
        answer.render()
    return answer.status_code, answer.content


@lru_cache(maxsize=1)
def _handler() -> Callable[[HttpRequest], HttpResponseBase]:
    return ServiceMiddleware(_view)


def _view(request: HttpRequest) -> HttpResponseBase:
    try:
        match = _resolved(request.path_info)
    except Http404 as exc:
        return not_found(request, exc)
    request.resolver_match = match
    view: Callable[..., HttpResponseBase] = match.func
    try:
        return view(request, *match.args, **match.kwargs)
    except Exception:  # the boundary that Django's handler is for a request over a socket
        logger.exception("%s failed", request.path_info)
        return response(500, "internal-error")


@lru_cache(maxsize=256)
def _resolved(path: str) -> ResolverMatch:
    return resolve(path, settings.ROOT_URLCONF)


def _environ(method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ
