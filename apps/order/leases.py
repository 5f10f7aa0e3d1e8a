"""Work on a row under a lease: claimed by one holder at a time, fenced against one that wakes up late.

The database's clock decides. ``lease_epoch`` grows with each claim, and a holder's results are
written only where it is still its own.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, models

from shop.env import env

L = TypeVar("L", bound="Leased")

_FIRST_PAUSE_S = 0.2  # after a first call without an answer; doubled for each further one


class Leased(models.Model):
    """A row that is due for work at ``due_at``, unless it is at rest (null), parked, or leased.

    ``attempts`` and ``first_unanswered_at`` count the calls of the present step that brought no
    answer; ``deadline_at`` is when the row is decided without one. Parked is a flag, not a state:
    a person decides, and ``parked_reason`` says about what.
    """

    due_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    lease_epoch = models.PositiveIntegerField(db_default=0, default=0)
    attempts = models.PositiveIntegerField(db_default=0, default=0)
    first_unanswered_at = models.DateTimeField(null=True)
    parked = models.BooleanField(db_default=False, default=False)
    parked_reason = models.CharField(max_length=300, blank=True, db_default="", default="")

    claimed_at: datetime  # the database's clock at the claim, by the claim's own statement

    class Meta:
        abstract = True

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline had passed at the claim."""
        return self.deadline_at is not None and self.deadline_at <= self.claimed_at

    @property
    def is_hopeless(self) -> bool:
        """Whether at the claim it was so long ago that a call was first left unanswered, that a person must look."""
        if self.first_unanswered_at is None:
            return False
        return self.first_unanswered_at <= self.claimed_at - timedelta(seconds=env.park_after_s)


def claim(model: type[L], *, limit: int, lease_s: float) -> list[L]:
    """Take the lease of due rows, longest due first, skipping those another holder has."""
    sql = _CLAIM.format(table=model._meta.db_table, condition="TRUE ORDER BY due_at, id")
    return list(model._default_manager.raw(sql, {"limit": limit, "lease": lease_s}))


def claim_one(model: type[L], *, pk: object, lease_s: float, only: str = "TRUE") -> L | None:
    """Take the lease of one row; None where it is not due, is leased, or is not ``only`` (a condition in SQL)."""
    sql = _CLAIM.format(table=model._meta.db_table, condition=f"id = %(pk)s AND ({only})")
    return next(iter(model._default_manager.raw(sql, {"pk": pk, "limit": 1, "lease": lease_s})), None)


def let_go(rows: Sequence[Leased]) -> None:
    """Give up the leases of ``rows``, which stay due at once, for anyone."""
    if not rows:
        return
    sql = _LET_GO.format(table=rows[0]._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(sql, [[row.pk for row in rows], [row.lease_epoch for row in rows]])


def postpone(row: Leased) -> None:
    """A call brought no answer: the row is due again after a pause with jitter, or at its deadline."""
    pause = min(env.backoff_cap_s, _FIRST_PAUSE_S * 2 ** min(row.attempts, 20)) * random.uniform(0.5, 1)
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE.format(table=row._meta.db_table), [pause, row.pk, row.lease_epoch])


def park(row: Leased, reason: str) -> bool:
    """Leave the row to a person. False when the lease was lost."""
    held = type(row)._default_manager.filter(pk=row.pk, lease_epoch=row.lease_epoch)
    return bool(held.update(parked=True, parked_reason=reason[:300], lease_until=None))


# Table names are the project's own, never input. An expired lease needs no clean-up: it is claimed again.
_CLAIM = """
UPDATE {table} SET
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s), lease_epoch = lease_epoch + 1
WHERE id IN (
    SELECT id FROM {table}
    WHERE due_at <= clock_timestamp() AND NOT parked
        AND (lease_until IS NULL OR lease_until <= clock_timestamp()) AND {condition}
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING *, clock_timestamp() AS claimed_at
"""

_LET_GO = """
UPDATE {table} row SET lease_until = NULL, due_at = clock_timestamp()
FROM unnest(%s::uuid[], %s::int[]) AS held(id, epoch)
WHERE row.id = held.id AND row.lease_epoch = held.epoch AND row.due_at IS NOT NULL
"""

_POSTPONE = """
UPDATE {table} SET
    due_at = LEAST(clock_timestamp() + make_interval(secs => %s), deadline_at),
    attempts = attempts + 1, first_unanswered_at = coalesce(first_unanswered_at, clock_timestamp()), lease_until = NULL
WHERE id = %s AND lease_epoch = %s
"""
