"""Errors as RFC 9457 problem details: one shape for every 4xx and 5xx of every role."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from shop.context import DeadlineExceeded
from shop.errors import NoAnswer

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "https://shop.example/problems/"  # RFC 9457 3.1.1: an identifier, not an address to fetch


class Problem(exceptions.APIException):
    """An anticipated outcome that is not success.

    ``slug`` ends the stable ``type`` a client may branch on; keyword arguments become further
    members of the body (RFC 9457 3.2).
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail or slug)
        self.status_code = status
        self.slug = slug
        self.text = detail
        self.headers = dict(headers or {})
        self.members = members


def body(status: int, slug: str, detail: str = "", **members: Any) -> dict[str, Any]:
    """The JSON object of one problem."""
    title = slug.replace("-", " ").capitalize()
    shown: dict[str, Any] = {"type": TYPE_PREFIX + slug, "title": title, "status": status}
    if detail:
        shown["detail"] = detail
    return shown | members


def slug_of(shown: Mapping[str, Any]) -> str:
    """The slug of a problem's JSON object, as another role's answer carries it."""
    return str(shown.get("type", "")).rsplit("/", 1)[-1]


def handle(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler. Returns None, which re-raises, for what nobody anticipated."""
    problem = _problem_of(exc)
    if problem is None:
        return None
    if problem.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("%s: %s", problem.slug, exc.__class__.__name__)
    shown = body(problem.status_code, problem.slug, problem.text, **problem.members)
    return Response(shown, problem.status_code, headers=problem.headers, content_type=CONTENT_TYPE)


def _problem_of(exc: Exception) -> Problem | None:
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, exceptions.ValidationError):
        return Problem(400, "invalid", "The request has invalid fields.", errors=exc.detail)
    if isinstance(exc, exceptions.APIException):
        return _of_rest_framework(exc)
    if isinstance(exc, Http404):
        return Problem(404, "not-found")
    if isinstance(exc, PermissionDenied):
        return Problem(403, "permission-denied")
    if isinstance(exc, NoAnswer | DeadlineExceeded | OperationalError | InterfaceError):
        return unavailable()
    return None


def _of_rest_framework(exc: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    slug = str(exc.default_code).replace("_", "-")
    return Problem(exc.status_code, slug, str(exc.detail), headers=headers)


def unavailable(detail: str = "Something this request needs does not answer. Try again.") -> Problem:
    """503 with Retry-After: a peer or the database gave no answer in time; nothing is decided by it."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": "2"})


def response(status: int, slug: str, detail: str = "") -> JsonResponse:
    """A problem outside DRF: middleware and Django's own error views."""
    return JsonResponse(body(status, slug, detail), status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return response(400, "bad-request")


def forbidden(request: HttpRequest, exception: Exception) -> JsonResponse:
    return response(403, "permission-denied")


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return response(404, "not-found")


def server_error(request: HttpRequest) -> JsonResponse:
    return response(500, "internal-error")
