"""What one piece of work carries with it: the role doing it, its deadline, its trace.

Context variables, so that a call to another role inside this process cannot leak its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

from shop.env import env

_role: ContextVar[str | None] = ContextVar("role", default=env.role)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)  # time.monotonic() seconds
request_id: ContextVar[str] = ContextVar("request_id", default="")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")
baggage: ContextVar[str] = ContextVar("baggage", default="")  # W3C: a tester's wishes, such as version=v2
end_user: ContextVar[str] = ContextVar("end_user", default="")  # account id a caller vouches for
staff_actor: ContextVar[str] = ContextVar("staff_actor", default="")  # account id; empty unless staff acts
change_source: ContextVar[str] = ContextVar("change_source", default="")  # by which way: admin, api, a command


class DeadlineExceeded(Exception):
    """The time for this piece of work has run out: nothing that starts now could still be of use."""


def current_role() -> str:
    """The role this code works for. Raises RuntimeError outside a request or task."""
    role = _role.get()
    if role is None:
        raise RuntimeError("no role: enter one with working_as()")
    return role


def set_role(role: str) -> None:
    """Enter ``role`` for the rest of the current context (a request)."""
    _role.set(role)


@contextmanager
def working_as(role: str) -> Iterator[None]:
    """Do a piece of background work as ``role``, under a request id of its own."""
    tokens = _role.set(role), request_id.set(request_id.get() or uuid4().hex)
    try:
        yield
    finally:
        _role.reset(tokens[0])
        request_id.reset(tokens[1])


def set_deadline(seconds: float) -> None:
    """End of the current work in ``seconds``, unless it ends sooner already."""
    _deadline.set(_sooner(seconds))


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound the enclosed work to ``seconds``; a nearer deadline stays in force."""
    token = _deadline.set(_sooner(seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining() -> float | None:
    """Seconds left, zero or less once it has passed; None without a deadline."""
    at = _deadline.get()
    return None if at is None else at - time.monotonic()


def act_as_staff(account_id: object, *, source: str) -> None:
    """Whatever is changed in the rest of the current context (a request) was changed by this account."""
    end_user.set(str(account_id))
    staff_actor.set(str(account_id))
    change_source.set(source)


def _sooner(seconds: float) -> float:
    new, old = time.monotonic() + seconds, _deadline.get()
    return new if old is None else min(new, old)
