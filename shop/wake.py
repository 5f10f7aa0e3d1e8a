"""Waking a role's worker. PostgreSQL is the truth: a lost wake-up costs at most one sweep.

Coalesced: while a wake-up of a kind is on its way no second one is sent, and a task drains all that
is due, so a burst of a hundred orders wakes the worker a few times, not a thousand.
"""

import logging
import time
from functools import lru_cache, partial

import redis
from django.db import transaction
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.pools import producers

from shop import metrics
from shop.env import env

logger = logging.getLogger(__name__)

_LIMIT_S = 0.1  # a request never waits longer for the broker
GATHER_S = 0.1  # what a burst commits meanwhile is done in one batch, woken by one message
_FORGET_MS = 1000  # a wake-up that got lost blocks the next one for no longer than this

_sent: dict[tuple[str, str], float] = {}  # when this process last sent a wake-up (time.monotonic)


def after_commit(role: str, task: str) -> None:
    """Send the wake-up ``task`` of ``role`` once the current transaction has committed."""
    transaction.on_commit(partial(send, role, task), robust=True)


def send(role: str, task: str) -> None:
    """Send it now. Never raises: the sweep finds what a lost wake-up would have."""
    now = time.monotonic()
    if now - _sent.get((role, task), -GATHER_S) < GATHER_S:
        return  # the task woken then has yet to look: it gathers for as long
    try:
        if not _client().set(_flag(role, task), 1, nx=True, px=_FORGET_MS):
            return
        _publish(role, task)
        _sent[role, task] = now
    except (redis.RedisError, OperationalError, OSError) as exc:
        metrics.WAKE_UPS_LOST.labels(role).inc()
        logger.debug("wake-up of %s lost: %s", role, exc.__class__.__name__)


def woken(role: str, task: str) -> None:
    """The task has begun: it gathers what a burst commits, then a wake-up is news again. Never raises."""
    time.sleep(GATHER_S)
    try:
        _client().delete(_flag(role, task))
    except redis.RedisError as exc:
        logger.debug("flag of %s not cleared: %s", role, exc.__class__.__name__)


def _publish(role: str, task: str) -> None:
    from shop.celery import app  # Celery is loaded only where something is sent

    with producers[_connection()].acquire(block=True, timeout=_LIMIT_S) as producer:
        app.send_task(f"{role}.{task}", queue=role, producer=producer, retry=False)


def _flag(role: str, task: str) -> str:
    return f"wake:{role}:{task}"


@lru_cache(maxsize=1)
def _client() -> "redis.Redis":
    return redis.Redis.from_url(env.redis_url, socket_timeout=_LIMIT_S, socket_connect_timeout=_LIMIT_S)


@lru_cache(maxsize=1)
def _connection() -> Connection:
    limits = {"socket_timeout": _LIMIT_S, "socket_connect_timeout": _LIMIT_S, "max_retries": 0}
    return Connection(env.broker_url, transport_options=limits)
