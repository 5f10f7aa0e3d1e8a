"""Calls to other roles: over HTTP between processes, to the same view without a socket inside one.

Both ways carry the same bytes, credential, deadline, trace and end user, and return the same two
kinds of result: a Reply (an answer, be it 409), or NoAnswer (which proves nothing).
"""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import urllib3
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from shop import context, faults, local_transport
from shop.env import env
from shop.errors import NoAnswer
from shop.identity import credentials
from shop.problems import slug_of
from shop.roles import may_send

__all__ = ["NoAnswer", "NotPermitted", "Reply", "get", "post"]

_TRIES = 3  # of a call that is safe to repeat, when no mesh repeats it
_PAUSE_S = 0.05  # first pause between tries; doubled, with jitter


class NotPermitted(Exception):
    """``shop/roles.py`` does not let this role reach that one: a defect of the caller."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``problem`` is the slug of a refusal, None for success."""

    status: int
    body: Any
    problem: str | None


def get(
    role: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    purpose: str = "calls",
    timeout_s: float = env.peer_timeout_s,
) -> Reply:
    """Ask ``role`` a question. Raises NoAnswer."""
    target = f"{path}?{urlencode(params)}" if params else path
    with context.deadline(timeout_s):
        return _call("GET", role, target, b"", None, purpose)


def post(
    role: str,
    path: str,
    *,
    json_body: object,
    idempotency_key: str | None = None,
    purpose: str = "calls",
    timeout_s: float = env.peer_timeout_s,
) -> Reply:
    """Send ``role`` a command; with a key it may be repeated. Raises NoAnswer."""
    body = json.dumps(json_body, cls=DjangoJSONEncoder, separators=(",", ":")).encode()
    with context.deadline(timeout_s):
        return _call("POST", role, path, body, idempotency_key, purpose)


def _call(method: str, role: str, path: str, body: bytes, key: str | None, purpose: str) -> Reply:
    caller = context.current_role()
    bare = path.partition("?")[0]
    if not may_send(caller, role, purpose, method, bare):
        raise NotPermitted(f"{caller} may not send {method} {bare} to {role} for {purpose}")
    if connection.in_atomic_block and not _of_a_testcase():
        raise RuntimeError("a call to another role inside a transaction would hold its locks while waiting")
    tries = _TRIES if (method == "GET" or key) and env.peers and not env.mesh else 1
    return _with_tries(tries, method, caller, role, path, body, key)


def _with_tries(tries: int, method: str, caller: str, role: str, path: str, body: bytes, key: str | None) -> Reply:
    pause = _PAUSE_S
    while True:
        tries -= 1
        try:
            return _once(method, caller, role, path, body, key)
        except NoAnswer:
            left = context.remaining() or 0
            if not tries or left <= pause * 2:
                raise
        time.sleep(random.uniform(pause / 2, pause))
        pause *= 2


def _once(method: str, caller: str, role: str, path: str, body: bytes, key: str | None) -> Reply:
    left = context.remaining()
    if left is None or left <= 0:
        raise NoAnswer(f"no time left to ask {role}")
    headers = _headers(caller, role, left, key)
    point = f"call:{caller}:{role}:{path.partition('?')[0]}"
    faults.at(f"{point}:before")
    if env.peers:
        status, answer = _remote(method, role, path, headers, body)
    else:
        status, answer = local_transport.send(method, path, headers, body)
    faults.at(f"{point}:after")
    return _reply(role, status, answer)


def _reply(role: str, status: int, answer: bytes) -> Reply:
    if (context.remaining() or 0) <= 0:
        raise NoAnswer(f"{role} answered after the deadline")
    if status >= 500:
        raise NoAnswer(f"{role} answered {status}")
    try:
        body = json.loads(answer) if answer else None
    except ValueError:
        raise NoAnswer(f"{role} answered {status} with something that is not JSON") from None
    problem = slug_of(body) if status >= 400 and isinstance(body, dict) else None
    if problem == "request-in-progress":
        raise NoAnswer(f"{role} is still working on it")
    return Reply(status, body, problem)


def _headers(caller: str, role: str, left_s: float, key: str | None) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        credentials.HEADER: credentials.mint(
            caller=caller,
            callee=role,
            end_user=context.end_user.get(),
            staff=bool(context.staff_actor.get()),
        ),
        "X-Deadline-Ms": str(int(left_s * 1000)),
        "X-Request-Id": context.request_id.get(),
    }
    if trace := context.traceparent.get():
        headers["Traceparent"] = trace
    if baggage := context.baggage.get():
        headers["Baggage"] = baggage
    if key:
        headers["Idempotency-Key"] = key
    return headers


def _remote(method: str, role: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    left = context.remaining() or 0
    if left <= 0:
        raise NoAnswer(f"no time left to ask {role}")
    try:
        response = _pool(role).urlopen(
            method, path, body=body or None, headers=headers, timeout=urllib3.Timeout(total=left), retries=False
        )
    except urllib3.exceptions.HTTPError as exc:
        raise NoAnswer(f"{role}: {exc.__class__.__name__}") from exc
    return response.status, response.data


@lru_cache(maxsize=16)
def _pool(role: str) -> urllib3.HTTPConnectionPool:
    """Kept-alive connections to one role; as many as this process has threads that call."""
    return urllib3.connection_from_url(env.peers[role], maxsize=16, block=False)


def _of_a_testcase() -> bool:
    """Django's TestCase wraps each test in a transaction that is not the code's own."""
    return all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)
