"""The two kinds of transaction: a command is one, a step joins one.

A bare ``atomic`` is refused by lint: it hides whether its commit is real or a savepoint of a caller
that may still roll back.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection, transaction

from shop import context, faults
from shop.idempotency import keys

P = ParamSpec("P")
R = TypeVar("R")

_RETRIED = frozenset({"40001", "40P01"})  # serialisation failure, deadlock: nothing was done
_ATTEMPTS = 5


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` in a transaction of its own, durable once it returns.

    Serialisation failures and deadlocks are retried; the remaining deadline bounds each statement;
    the idempotency key in force, if any, is claimed first and bound to the result in the same
    transaction. Raises RuntimeError inside another transaction, DeadlineExceeded when no time is
    left, ``keys.Bound`` when the key has done its work already.
    """
    name = f"{function.__module__.removeprefix('apps.').removesuffix('.services')}.{function.__name__}"

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        key = keys.take()
        faults.at(f"command:{name}:before")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                result = _once(function, name, key, *args, **kwargs)
                break
            except OperationalError as exc:
                if _sqlstate(exc) not in _RETRIED or attempt == _ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))
        faults.at(f"command:{name}:after")
        return result

    return run


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Part of a caller's transaction. Raises RuntimeError outside one."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if not connection.in_atomic_block:
            raise RuntimeError(f"{function.__qualname__} is a step: call it inside a command")
        return function(*args, **kwargs)

    return run


def _once(function: Callable[P, R], name: str, key: keys.Key | None, /, *args: P.args, **kwargs: P.kwargs) -> R:
    with transaction.atomic(durable=True):
        _set_up()
        if key is not None:
            keys.claim(key)
        result = function(*args, **kwargs)
        if key is not None:
            keys.bind(key, result)
        faults.at(f"command:{name}:commit")
    return result


def _set_up() -> None:
    """What the transaction has to know, in one statement: its deadline, and who of the staff acts.

    A customer's and the machine's know no actor, so the triggers of ``shop.changes`` find none.
    """
    known = _limits() | _authorship()
    if not known:
        return
    settings = ", ".join(["set_config(%s, %s, true)"] * len(known))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {settings}", [text for pair in known.items() for text in pair])


def _limits() -> dict[str, str]:
    left = context.remaining()
    if left is None:
        return {}
    if left <= 0:
        raise context.DeadlineExceeded
    return {"statement_timeout": str(int(left * 1000) + 1)}


def _authorship() -> dict[str, str]:
    said = {"shop.actor": context.staff_actor.get(), "shop.source": context.change_source.get()}
    return {name: text for name, text in said.items() if text}


def _sqlstate(exc: OperationalError) -> str | None:
    return getattr(exc.__cause__, "sqlstate", None)
