"""The audit's verdict for the start page's demo order, in development only.

The order itself is placed by the browser, through the public API, like any guest's. What a guest may
not do is ask whether all books agree, so the page asks here.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import View

from shop import context, problems
from shop.audit.examine import Report, examine
from shop.env import env

_LIMIT_S = 12.0  # the books of a laptop take a tenth; less than the 20 s a stopping server waits for a request
_GRACE_S = 2.0  # for events under way, before what disagreed is read again
_SHOWN = 20  # disagreements; one is reason enough for `make audit`, which lists all
_LOCK = 0x5A0D17  # of PostgreSQL's advisory locks: any number, used nowhere else


def is_offered() -> bool:
    """Whether the start page has the button: all roles in one process, with a mailbox, so on a laptop."""
    return env.role is None and bool(env.mailbox_url)


class Verdict(View):
    """Do the books of all roles agree? At most one asks at a time, for at most ``_LIMIT_S`` and the grace.

    200 with ``verdict`` clean, disagreement or incomplete; 503 with Retry-After while another asks.
    """

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not is_offered():
            raise Http404
        began = time.monotonic()
        with _alone() as ours:
            if not ours:
                return _busy()
            with context.deadline(_LIMIT_S):
                report = examine(grace_s=_GRACE_S)
        answer = JsonResponse(_shown(report) | {"took_s": round(time.monotonic() - began, 2)})
        answer["Cache-Control"] = "no-store"
        return answer


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the lock, if it is free; yields whether it was. It ends with the connection at the latest."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        ours = bool(cursor.fetchone()[0])
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _busy() -> HttpResponseBase:
    answer = problems.response(503, "audit-running", "Another audit is running: ask again when it is done.")
    answer["Retry-After"] = "1"
    return answer


def _shown(report: Report) -> dict[str, object]:
    verdict = {0: "clean", 1: "disagreement", 2: "incomplete"}[report.exit_status]
    lines = [f"{found.rule} {found.id}: {found.detail}" for found in report.disagreements]
    return {"verdict": verdict, "disagreements": lines[:_SHOWN], "unread": report.unread[:_SHOWN]}
