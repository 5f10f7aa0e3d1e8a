"""The HTTP side: what was received, as JSON."""

import json
import re
import ssl
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulators.mail.store import Message, Store

PAGE_DEFAULT = 100
PAGE_LIMIT = 1000
IDLE_LIMIT_S = 30  # a silent connection is closed: each costs a thread


class BadRequest(Exception):
    """A parameter is malformed; the message says which."""


class MailboxServer(ThreadingHTTPServer):
    """Serves one store on one address; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], store: Store, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(address, MailboxHandler)
        self.store = store
        self._tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread, so that a client slow to shake hands holds up nobody else."""
        if self._tls:
            request.settimeout(IDLE_LIMIT_S)
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except OSError:  # no TLS client: a probe, or a plain request
                return
        super().finish_request(request, client_address)
        if self._tls:
            self.shutdown_request(request)


class MailboxHandler(BaseHTTPRequestHandler):
    """``GET /messages?to=&after=&limit=``, ``DELETE /messages``, ``GET /health``."""

    server: MailboxServer
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # not 0.9, whose answers have no status line
    timeout = IDLE_LIMIT_S
    wbufsize = -1  # one packet per answer: head and body apart would wait for a delayed ACK

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/health":
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif url.path == "/messages":
            self._list(url.query)
        else:
            self._fail(HTTPStatus.NOT_FOUND, "not_found", "there is no such resource")

    def do_DELETE(self) -> None:
        if urlsplit(self.path).path != "/messages":
            self._fail(HTTPStatus.NOT_FOUND, "not_found", "there is no such resource")
            return
        self.server.store.clear()
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def _list(self, query: str) -> None:
        try:
            values = parse_qs(query, errors="strict", max_num_fields=10)
            to = values["to"][-1] if "to" in values else None
            after = _integer(values, "after", default=0, minimum=0, maximum=10**12)
            limit = _integer(values, "limit", default=PAGE_DEFAULT, minimum=1, maximum=PAGE_LIMIT)
        except (ValueError, BadRequest) as exc:
            self._fail(HTTPStatus.BAD_REQUEST, "invalid_parameter", str(exc))
            return
        found = self.server.store.messages(to=to, after=after, limit=limit)
        self._send(HTTPStatus.OK, [_as_json(message) for message in found])

    def _fail(self, status: HTTPStatus, code: str, message: str) -> None:
        self._send(status, {"error": {"code": code, "message": message}})

    def _send(self, status: HTTPStatus, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class cannot parse or route, as JSON too; the connection ends there."""
        self.close_connection = True
        # The base class calls an unknown method "not implemented"; for a client it is not allowed.
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._fail(status, "bad_request", status.phrase)

    def log_message(self, format: str, *args: object) -> None:  # the base class's names
        """Silent: addresses and recipients stay out of logs."""


def _integer(values: dict[str, list[str]], name: str, *, default: int, minimum: int, maximum: int) -> int:
    text = values.get(name, [str(default)])[-1]
    number = int(text) if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else -1
    if not minimum <= number <= maximum:
        raise BadRequest(f"{name} must be a number from {minimum} to {maximum}")
    return number


def _as_json(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "message_id": message.message_id,
        "from": message.sender,
        "to": list(message.recipients),
        "subject": message.subject,
        "text": message.text,
        "received_at": message.received_at,
    }
