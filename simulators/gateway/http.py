"""Requests and answers: just enough HTTP over WSGI for a JSON API."""

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from simulators.gateway.errors import Refusal

BODY_LIMIT = 16 * 1024  # bytes; the largest honest body is under 1 KiB
NAMES_LIMIT = 100  # ids, references or keys in one look-up

_NAME = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)  # printable ASCII without spaces


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON answer."""

    status: int
    body: Any
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def status_line(self) -> str:
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def encoded(self) -> tuple[bytes, list[tuple[str, str]]]:
        """The body's bytes and all headers."""
        body = json.dumps(self.body, separators=(",", ":")).encode()
        return body, [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *self.headers,
        ]


def error(status: int, code: str, message: str) -> Answer:
    """The shape of every error."""
    return Answer(status, {"error": {"code": code, "message": message}})


class Request:
    """One request, read from a WSGI environ. Reading what is malformed raises Refusal."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("PATH_INFO", "/")

    def idempotency_key(self) -> str:
        """The Idempotency-Key header. Raises Refusal ``idempotency_key_required`` or ``…_invalid``."""
        key = self.environ.get("HTTP_IDEMPOTENCY_KEY", "")
        if not key:
            raise Refusal(400, "idempotency_key_required", "send an Idempotency-Key header")
        if not _NAME.fullmatch(key):
            raise Refusal(400, "idempotency_key_invalid", "a key is 1 to 255 printable ASCII characters")
        return str(key)

    def json_object(self) -> dict[str, Any]:
        """The body, an object; an empty body is an empty object. Raises Refusal ``malformed_body``."""
        raw = self._body()
        if not raw:
            return {}
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError) as exc:
            raise Refusal(400, "malformed_body", "the body is not JSON") from exc
        if not isinstance(value, dict):
            raise Refusal(400, "malformed_body", "the body must be a JSON object")
        return value

    def _body(self) -> bytes:
        raw: bytes = self.environ["wsgi.input"].read(BODY_LIMIT + 1)
        if len(raw) > BODY_LIMIT:
            raise Refusal(413, "body_too_large", f"the body is limited to {BODY_LIMIT} bytes")
        return raw

    def query(self, *allowed: str) -> dict[str, list[str]]:
        """Query parameters, each possibly repeated. Raises Refusal ``invalid_parameter``."""
        try:
            values = parse_qs(self.environ.get("QUERY_STRING", ""), errors="strict", max_num_fields=NAMES_LIMIT)
        except ValueError as exc:
            raise Refusal(400, "invalid_parameter", f"at most {NAMES_LIMIT} parameters, in UTF-8") from exc
        for name, given in values.items():
            if name not in allowed:
                raise Refusal(400, "invalid_parameter", f"known parameters: {', '.join(allowed)}")
            for value in given:
                parse_name(value, name)
        return values


def parse_name(value: object, field_name: str) -> str:
    """A reference, token, id or key. Raises Refusal ``invalid_parameter``, without repeating the value."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refusal(422, "invalid_parameter", f"{field_name} must be 1 to 255 printable ASCII characters")
    return value


def parse_integer(values: dict[str, list[str]], name: str, *, default: int, minimum: int, maximum: int) -> int:
    """One whole number from the query. Raises Refusal ``invalid_parameter``."""
    text = values.get(name, [str(default)])[-1]
    number = int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else -1
    if not minimum <= number <= maximum:
        raise Refusal(422, "invalid_parameter", f"{name} must be a number from {minimum} to {maximum}")
    return number
