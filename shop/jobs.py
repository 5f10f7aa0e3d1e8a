"""Background work of a role: a function that does one batch and says how much it found.

A job is a Celery task on its role's queue. It is woken after commits (``shop.wake``) and swept at
an interval, which finds whatever a lost wake-up, a dead worker or a flushed broker left behind.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from shop import context, wake
from shop.celery import app
from shop.env import env

logger = logging.getLogger(__name__)

_TURN_S = 5.0  # then the queue's other jobs get theirs


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` does one batch of ``role``'s work and returns how many items it found due."""

    role: str
    name: str
    every_s: float
    run: Callable[[], int]


_jobs: list[Job] = []
_begun_at = time.monotonic()  # when a job last began in this process, or the process itself
_stopping = False


def stop() -> None:
    """From now on a job ends after the batch in hand: the process has been told to end."""
    global _stopping
    _stopping = True


def idle_s() -> float:
    """Seconds since a job last began in this process."""
    return time.monotonic() - _begun_at


def job(*, every_s: float | None = None) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Register a function of ``apps.<role>.tasks`` as a job; ``every_s`` defaults to the sweep's interval."""

    def register(function: Callable[[], int]) -> Callable[[], int]:
        role = function.__module__.split(".")[1]
        add(Job(role, function.__name__, every_s or env.sweep_s, function))
        return function

    return register


def add(new: Job) -> None:
    """Register ``new`` as the Celery task ``<role>.<name>``, and its sweep with beat."""
    _jobs.append(new)
    task = f"{new.role}.{new.name}"

    @app.task(name=task)
    def turn() -> None:  # a def: Celery compiles the function's own name
        _turn(new)

    app.conf.beat_schedule[task] = {
        "task": task,
        "schedule": new.every_s,
        # A sweep nobody got to is worthless once the next one is sent.
        "options": {"queue": new.role, "expires": max(new.every_s, 1)},
    }


def _turn(job: Job) -> None:
    """Work until nothing is due, for one turn, or until told to stop; then wake whoever goes on."""
    global _begun_at
    _begun_at = time.monotonic()
    wake.woken(job.role, job.name)
    end = time.monotonic() + _TURN_S
    with context.working_as(job.role):
        while job.run():
            if _stopping or time.monotonic() > end:
                wake.send(job.role, job.name)
                return


def run_all() -> int:
    """One batch of every job in this process, as tests and ``audit --drain`` need it; items found."""
    found = 0
    for each in _jobs:
        with context.working_as(each.role):
            found += each.run()
    return found
