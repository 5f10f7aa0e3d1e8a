"""What every request of every role gets, before any view: its role, its ids, canonical paths."""

import re
from collections.abc import Callable
from contextvars import Context
from uuid import uuid4

from django.http import HttpRequest, HttpResponseBase

from shop import context, management_urls
from shop.env import env
from shop.problems import response

# Handed on in calls to other roles, so only what is a header's value for every client: no "@", which urllib3 reserves.
_ID = re.compile(r"[!-?A-~]{1,64}")
_BAGGAGE = re.compile(r"[ -?A-~]{1,512}")  # half of one would be another one: a longer one is dropped
_MANAGEMENT_PORT = str(env.management_port)


class ServiceMiddleware:
    """Enter the role that owns the path, adopt or make the request's ids, name the service in the answer.

    A trailing slash is optional everywhere outside the admin and static files: it is dropped here
    rather than redirected, so that POST works with it too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # A context of its own: server threads are reused, and a call inside one process must not
        # inherit its caller's role, deadline, language or idempotency key.
        return Context().run(self._respond, request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        path, query = request.path_info, request.META.get("QUERY_STRING", "")
        if "\x00" in path or "%00" in query or "\x00" in query:
            return response(400, "bad-request", "NUL is not a character of any path or query.")
        if request.META.get("SERVER_PORT") == _MANAGEMENT_PORT:
            request.urlconf = management_urls.__name__
        role = _role_of(path)
        context.set_role(role)
        context.request_id.set(_taken(_ID, request, "X-Request-Id") or uuid4().hex)
        context.traceparent.set(_taken(_ID, request, "Traceparent"))
        context.baggage.set(_taken(_BAGGAGE, request, "Baggage"))
        if path.endswith("/") and len(path) > 1 and "/admin/" not in path and "/static/" not in path:
            request.path_info = path.rstrip("/")
        answer = self.get_response(request)
        answer["X-Service"] = role
        answer["X-Service-Version"] = env.version
        return answer


def _taken(form: re.Pattern[str], request: HttpRequest, header: str) -> str:
    """A header as it came, or nothing where it is of another form."""
    value = request.headers.get(header, "")
    return value if form.fullmatch(value) else ""


def _role_of(path: str) -> str:
    """The role under whose prefix the path is; in one process's admin, the one whose app's page it is."""
    first, second = [*path.removeprefix("/").split("/", 2), "", ""][:2]
    owner = second if first == "admin" else first
    return owner if owner in env.serves else env.role or "shop"
