"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header): one effect per key.

The view reads the key and puts it in force; the first command below it inserts the key's row in
its own transaction and binds it to its result. A duplicate waits on the unique index, finds the
row, and the answer is rendered from the bound resource, so a replay shows its present state. What
raised, a refusal or a 5xx, rolled the row back with everything else: it runs again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from shop.identity.credentials import Credential
from shop.problems import Problem

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
REPLAYED = "Idempotency-Replayed"
FORM_FIELD = "idempotency_key"  # browsable forms: a hidden field stands for the header


@dataclass(frozen=True, slots=True)
class Key:
    """A key as one caller used it on one route, with the keyed hash of what it asked for."""

    scope: str
    value: str
    fingerprint: str


class Bound(Exception):
    """The key has done its work: ``resource`` is what it made."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self.resource = resource


_in_force: ContextVar[Key | None] = ContextVar("idempotency_key", default=None)


def perform(
    request: Request,
    command: Callable[[], Any],
    render: Callable[[Any], Response],
    *,
    find: Callable[[str], Any],
    required: bool = False,
    caller: str | None = None,
) -> Response:
    """Run ``command`` under the request's key, or replay what the key has done.

    ``render`` turns the command's result, or what ``find`` returns for the bound resource, into the
    answer. ``caller`` names a caller who has no account (a guest's cart or quote). Raises Problem
    400 ``idempotency-key-required``, 422 ``idempotency-key-reused`` for the same key with another body.
    """
    key = read(request, required=required, caller=caller)
    token = _in_force.set(key)
    try:
        return render(command())
    except Bound as bound:
        response = render(find(bound.resource))
        response[REPLAYED] = "true"
        return response
    finally:
        _in_force.reset(token)


def read(request: Request, *, required: bool, caller: str | None = None) -> Key | None:
    """The key of a request, None without one. Raises Problem 400 for a missing or malformed key."""
    value = request.headers.get(HEADER) or _form_value(request)
    if not value:
        if required:
            raise Problem(400, "idempotency-key-required", f"This request needs the header {HEADER}.")
        return None
    if len(value) > MAX_LENGTH or not value.isprintable():
        raise Problem(400, "idempotency-key-invalid", f"At most {MAX_LENGTH} printable characters.")
    scope = f"{caller or _caller(request)} {request.method} {request.path_info}"
    return Key(hashlib.sha256(scope.encode()).hexdigest(), value, _fingerprint(request))


@contextmanager
def in_force(*, scope: str, value: str, body: object) -> Iterator[None]:
    """Put a key in force for the first command within, for forms that book several things under keys of their own.

    ``scope`` names caller and route, ``body`` is what is asked for. That command raises ``Bound`` when
    the key has done its work, Problem 422 when it did something else.
    """
    token = _in_force.set(Key(hashlib.sha256(scope.encode()).hexdigest(), value, _hashed(body)))
    try:
        yield
    finally:
        _in_force.reset(token)


def require(request: Request, value: object) -> None:
    """For an internal command that is keyed by the resource it makes: the header must name it.

    Raises Problem 400 without the header, or when it names something else.
    """
    sent = request.headers.get(HEADER)
    if sent is None:
        raise Problem(400, "idempotency-key-required", f"This request needs the header {HEADER}.")
    if sent != str(value):
        raise Problem(400, "idempotency-key-invalid", f"{HEADER} must be the id of what is made.")


def take() -> Key | None:
    """The key in force, for the first command below the view only."""
    key = _in_force.get()
    if key is not None:
        _in_force.set(None)
    return key


def claim(key: Key) -> None:
    """Insert the key's row, waiting for a duplicate that is being worked on. Raises Bound, Problem 422."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_record (scope, key, fingerprint, resource) VALUES (%s, %s, %s, '')"
            " ON CONFLICT (scope, key) DO NOTHING",
            [key.scope, key.value, key.fingerprint],
        )
        if cursor.rowcount == 1:
            return
        cursor.execute(
            "SELECT fingerprint, resource FROM idempotency_record WHERE scope = %s AND key = %s",
            [key.scope, key.value],
        )
        fingerprint, resource = cursor.fetchone()
    if fingerprint != key.fingerprint:
        raise Problem(422, "idempotency-key-reused", "The key was used with another request.")
    raise Bound(resource)


def bind(key: Key, result: Any) -> None:
    """Record, in the command's own transaction, what the key has made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE idempotency_record SET resource = %s WHERE scope = %s AND key = %s",
            [str(result.pk), key.scope, key.value],
        )


def _caller(request: Request) -> str:
    if isinstance(request.auth, Credential):
        return request.auth.caller
    return str(request.user.pk or "anonymous")


def _form_value(request: Request) -> str:
    """Browsable forms carry the key in a hidden field. A session's form has passed the CSRF check by now."""
    data = request.data
    return str(data.get(FORM_FIELD, "")) if isinstance(data, Mapping) and _is_form(request) else ""


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith(("application/x-www-form-urlencoded", "multipart/form-data"))


def _fingerprint(request: Request) -> str:
    body = request.data
    if hasattr(body, "lists"):
        body = {name: values for name, values in body.lists() if not name.startswith("csrf")}
    return _hashed(body)


def _hashed(body: object) -> str:
    # Keyed: a body may hold a password, which a plain hash in the table would let anyone guess at.
    return salted_hmac("idempotency", json.dumps(body, sort_keys=True, default=str), algorithm="sha256").hexdigest()
