"""The management port of a process without a web server: the worker's, and beat's.

    GET /health    503 when the broker answers and yet no job has begun for long: it consumes nothing
    GET /ready     503 when the database does not answer, its schema is behind, or the process is stopping
    GET /metrics   Prometheus
"""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shop import health, jobs
from shop.env import env

logger = logging.getLogger(__name__)

_SILENT_S = 60.0  # sweeps come every two seconds, so this is thirty of them that nobody took
_BROKER_S = 1.0  # a broker that takes longer is as good as away: then there is nothing to consume
_IDLE_LIMIT_S = 30  # a silent connection is closed: each costs a thread


def serve() -> None:
    """Answer on the management port, in a thread, for as long as the process lives."""
    server = ThreadingHTTPServer(("", env.management_port), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="vitals").start()


def problem() -> str:
    """Why the process should be started again; empty when it should not."""
    silent_s = jobs.idle_s()
    if silent_s < _SILENT_S or not _broker_answers():
        return ""
    return f"no job has begun for {silent_s:.0f} s"


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

    def do_GET(self) -> None:
        if self.path == "/health":
            self._state(problem(), "ok")
        elif self.path == "/ready":
            self._state(health.problem(), "ready")
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
