"""The gateway as a WSGI application: ``simulators.gateway.app:application``.

One request: who is asking → the resource → JSON. Nothing of a request's body is ever logged.
"""

import errno
import hmac
import logging
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import psycopg
from psycopg_pool import ConnectionPool

from simulators.gateway.api import Api, Unanswered
from simulators.gateway.books import Books
from simulators.gateway.config import Config, ConfigError
from simulators.gateway.errors import Outage, Refusal
from simulators.gateway.http import Answer, Request, error
from simulators.gateway.schema import create_tables

log = logging.getLogger("gateway")

CONNECTIONS = 8  # to PostgreSQL, per process: two per core of a small machine keep it busy
POOL_WAIT_S = 2.0  # for a free connection, or for a database that went away; then 503
STATEMENT_LIMIT = "5s"  # nothing here takes milliseconds unless something is wrong
HANGS_AT_ONCE = 4  # threads that may be kept by clients waiting for a lost answer; others are cut off at once
START_FAILED = 4  # gunicorn's "application failed to load": its master exits instead of trying again

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Gateway:
    """Authenticates, answers, and turns failures into answers (or, where a card asks for it, into none)."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._key = f"Bearer {config.api_key}".encode()
        self._pool = _pool(config.database_url)
        self._open = threading.Lock()
        self._books = Books(self._pool)
        self._api = Api(config=config, books=self._books)
        self._hangs = threading.BoundedSemaphore(HANGS_AT_ONCE)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(Request(environ))
        except Unanswered:
            self._lose_answer(environ.get("gunicorn.socket"))
        body, headers = answer.encoded()
        start_response(answer.status_line, headers)
        return [body]

    def _answer(self, request: Request) -> Answer:
        try:
            self._open_pool()
            if request.path == "/health":
                self._books.check()
                return Answer(200, {"status": "ok"})
            self._authenticate(request)
            return self._api.answer(request)
        except Refusal as refusal:
            return error(refusal.status, refusal.code, refusal.message)
        except Outage as outage:
            return error(503, "unavailable", str(outage))
        except psycopg.OperationalError as exc:
            log.warning("database: %s", type(exc).__name__)
            return error(503, "unavailable", "the gateway's database does not answer")
        except Unanswered:
            raise
        except Exception:
            log.exception("unexpected failure")
            return error(500, "internal_error", "unexpected failure")

    def _open_pool(self) -> None:
        """Open at the first request: connections must not be shared by a fork after import."""
        with self._open:
            if self._pool.closed:
                self._pool.open()

    def _authenticate(self, request: Request) -> None:
        given = request.environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self._key):
            raise Refusal(401, "invalid_api_key", "send Authorization: Bearer <key>")

    def _lose_answer(self, client: socket.socket | None) -> NoReturn:
        """Keep the client waiting, until it gives up or the hang is over, then hang up on it."""
        if self._hangs.acquire(blocking=False):
            try:
                _wait_until_gone(client, self._config.hang_s)
            finally:
                self._hangs.release()
        if client is not None:
            client.shutdown(socket.SHUT_RDWR)
        raise BrokenPipeError(errno.EPIPE, "answer withheld")  # servers drop such a connection silently


def _wait_until_gone(client: socket.socket | None, seconds: float) -> None:
    if client is None:  # not under gunicorn: nothing to watch
        threading.Event().wait(seconds)
        return
    poller = select.poll()
    poller.register(client, select.POLLIN)  # a client that waits sends nothing: readable means closed
    poller.poll(seconds * 1000)


def _pool(database_url: str) -> ConnectionPool[psycopg.Connection]:
    return ConnectionPool(
        database_url,
        kwargs={
            "autocommit": True,
            "options": f"-c statement_timeout={STATEMENT_LIMIT}",
            "connect_timeout": 5,
        },
        min_size=1,
        max_size=CONNECTIONS,
        timeout=POOL_WAIT_S,
        num_workers=1,
        open=False,
        name="gateway",
    )


def start() -> Gateway:
    """Check the settings, create the tables. What is wrong is said in one line; the process exits."""
    try:
        config = Config.from_environ()
        create_tables(config.database_url)
    except (ConfigError, psycopg.Error) as exc:
        first_line = str(exc).strip().partition("\n")[0]
        print(f"payment gateway: cannot start: {first_line}", file=sys.stderr, flush=True)
        sys.exit(START_FAILED)
    return Gateway(config)


application = start()
