"""Beat: sends the sweeps of ``shop.jobs`` when they are due, from exactly one process of a role.

Any number of processes may run it. The one whose database session holds the lease sends, the others
look again; a session that ends, however its process does, gives the lease back.
"""

import logging
import signal
import threading
from types import FrameType
from typing import Any

import psycopg
from celery.beat import EmbeddedService, Scheduler, Service

from shop.celery import app
from shop.env import env

logger = logging.getLogger(__name__)

_LEASE = 0x73686F7062656174  # any fixed number: beats of one database queue on it
_LOOK_S = 1.0  # how long after the holder's end the next one begins, at most
_LONGEST_SLEEP_S = 2  # between two looks at whether the lease is still held
_CONNECT_S = 5
_SETTINGS = {  # the server gives up a session whose machine is gone after 25 s, not after two hours
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "statement_timeout": "2000",
}
_stopping = threading.Event()


class Lease:
    """An advisory lock, held by a session of its own for as long as that session lives."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: psycopg.Connection | None = None

    def held(self) -> bool:
        """Whether this process has it now, taking it if it is free. Never raises: no database, no lease."""
        try:
            return self._confirmed() if self._session else self._taken()
        except psycopg.Error as exc:
            logger.debug("lease of beat: %s", exc.__class__.__name__)
            self.release()
            return False

    def release(self) -> None:
        """Give it back."""
        if self._session:
            self._session.close()
            self._session = None

    def _confirmed(self) -> bool:
        """The lock lasts as long as the session, so that its answer is enough."""
        assert self._session
        self._session.execute("SELECT 1")
        return True

    def _taken(self) -> bool:
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        session = psycopg.connect(self._url, autocommit=True, connect_timeout=_CONNECT_S, options=options)
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [_LEASE]).fetchone()
        if row and row[0]:
            self._session = session
            return True
        session.close()
        return False


class LeasedScheduler(Scheduler):
    """In memory: a sweep missed while nobody had the lease is made up by the next."""

    max_interval = _LONGEST_SLEEP_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lease = Lease(env.database_url)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; seconds until the next look."""
        if _stopping.is_set():
            self._lease.release()
            return _LOOK_S
        if not self._lease.held():
            return _LOOK_S
        return float(super().tick(*args, **kwargs))


def start() -> None:
    """Beat in a thread of this process, until ``stop``."""
    beat: Any = EmbeddedService(app, thread=True, scheduler_cls=LeasedScheduler)
    beat.start()


def stop() -> None:
    """Send nothing from now on, and let another process have the lease."""
    _stopping.set()


def main() -> None:
    """Beat alone, until told to stop."""
    service = Service(app, scheduler_cls=LeasedScheduler)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    app.loader.import_default_modules()
    app.finalize()
    service.start()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit  # ends the service's sleep; the session, and the lease with it, ends with the process
