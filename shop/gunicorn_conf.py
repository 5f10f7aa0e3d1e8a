"""gunicorn's settings for the web process, of one role or of all: ``gunicorn -c shop/gunicorn_conf.py``."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

from shop.env import env  # checks the environment: a mistake is one line here, not one in each worker

_host = os.environ.get("HOST", "127.0.0.1")
_metrics = os.environ.get("PROMETHEUS_MULTIPROC_DIR")

wsgi_app = "shop.wsgi:application"
bind = [f"{_host}:{os.environ.get('PORT', '8000')}", f"{_host}:{env.management_port}"]
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "1" if env.role else "2"))  # a laptop's two cores, or a pod's one
threads = int(os.environ.get("WEB_THREADS", "8"))  # below DB_POOL: each may hold one connection
limit_request_line = 8190  # bytes: a hundred long SKUs in one question to inventory
keepalive = 75  # s; longer than Envoy's idle time of 60 s, so that it is never gunicorn that closes first
graceful_timeout = 20  # s; longer than a customer's request or a role's may take; staff may ask for a report again
timeout = 30  # s without a sign of life from a worker
preload_app = False  # the pool's threads do not survive a fork
_memory = Path("/dev/shm")  # noqa: S108  # gunicorn makes files of its own there, by mkstemp
worker_tmp_dir = str(_memory) if _memory.is_dir() else None  # a heartbeat must not wait for a disk
control_socket_disable = True  # the supervisor is the one way to control it
loglevel = "warning"
accesslog = None


def post_worker_init(worker: Any) -> None:
    """From SIGTERM on ``/ready`` says no, on connections that are still open."""

    def drain(number: int, frame: FrameType | None) -> None:
        health.stop()
        worker.handle_exit(number, frame)

    from shop import health  # needs Django to be set up, which the worker has just done

    signal.signal(signal.SIGTERM, drain)


def child_exit(server: Any, worker: Any) -> None:
    """Drop a dead worker's live gauges."""
    if _metrics:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
