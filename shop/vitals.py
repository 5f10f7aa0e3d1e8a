"""The management port of a process without a web server: the worker's, and beat's.

GET /health    503 when it should be started again; a worker, when it consumes nothing
GET /ready     503 when it has not begun to work yet or is stopping, or when its database is not ready
GET /metrics   Prometheus
"""

import json
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import redis
from django.db import connection
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shop import health, jobs
from shop.env import env

_SILENT_S = 60.0  # sweeps come every two seconds, so this is thirty of them that nobody took
_BROKER_S = 1.0  # a broker that takes longer is as good as away: then there is nothing to consume
_IDLE_LIMIT_S = 30  # a silent connection is closed: each costs a thread
_begun = threading.Event()


def _well() -> str:
    return ""


def serve(*, ill: Callable[[], str] = _well) -> None:
    """Answer on the management port, in a thread, for as long as the process lives.

    ``ill`` says why it should be started again; empty when it should not.
    """
    server = ThreadingHTTPServer(("", env.management_port), partial(_Handler, ill))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="vitals").start()


def begin() -> None:
    """From now on the process works, and ends in order when it is told to."""
    _begun.set()


def silent() -> str:
    """Why a worker is ill: the broker answers, and yet no job has begun for long (celery #10302)."""
    silent_s = jobs.idle_s()
    if silent_s < _SILENT_S or not _broker_answers():
        return ""
    return f"no job has begun for {silent_s:.0f} s"


def _unready() -> str:
    if not _begun.is_set():
        return "starting"
    try:
        return health.problem()
    finally:
        connection.close()  # back to the pool, for this thread ends with its client


def _broker_answers() -> bool:
    limits = {"socket_timeout": _BROKER_S, "socket_connect_timeout": _BROKER_S}
    try:
        with redis.Redis.from_url(env.redis_url, **limits) as broker:
            return bool(broker.ping())
    except (redis.RedisError, OSError):
        return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_LIMIT_S
    wbufsize = -1  # one packet per answer: head and body apart would wait for a delayed ACK

    def __init__(self, ill: Callable[[], str], *args: Any) -> None:
        self._ill = ill
        super().__init__(*args)  # which handles the connection

    def do_GET(self) -> None:
        if self.path == "/health":
            self._state(self._ill(), "ok")
        elif self.path == "/ready":
            self._state(_unready(), "ready")
        elif self.path == "/metrics":
            self._send(200, CONTENT_TYPE_LATEST, generate_latest())
        else:
            self._send(404, "application/json", b"{}")

    def _state(self, found: str, good: str) -> None:
        self._send(503 if found else 200, "application/json", json.dumps({"status": found or good}).encode())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # the base class's names
        """Silent: the platform asks every few seconds."""
