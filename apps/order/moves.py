"""Writing where an order moves, with its timeline, in one statement."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from apps.order.models import Order
from apps.order.states import TRANSITIONS, Note, Position, Reason, State
from shop.env import env
from shop.transactions import step


class NoSuchTransition(Exception):
    """The transitions table does not have it: a defect of the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where an answer leads. ``state`` and ``reason`` are set where it changes the order's state.

    ``refusal`` is what a client is told beside the reason.
    """

    step: Position
    state: State | None = None
    reason: Reason | None = None
    refusal: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pauses(self) -> bool:
        """Whether the holder's work ends here: at rest, or for the time in which the order can be cancelled."""
        return self.step in (Position.REST, Position.WINDOW)


@step
def write(order: Order, move: Move, *, lease_s: float, unless_cancelled: bool) -> int | None:
    """Move ``order`` under its lease, which is renewed, or ended where it comes to rest or pauses.

    Returns the id of the timeline entry, 0 without a change of state; None, and nothing is written,
    where the lease is lost, or a cancellation was requested and the move is not for such an order.
    """
    if move.state and move.state not in TRANSITIONS[State(order.state)]:
        raise NoSuchTransition(f"{order.number}: {order.state} to {move.state}")
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            {
                "id": order.pk,
                "epoch": order.lease_epoch,
                "unless_cancelled": unless_cancelled,
                "from": order.state,
                "step": move.step,
                "wait": env.fulfilment_delay_s if move.step == Position.WINDOW else 0,
                "pauses": move.pauses,
                "lease": lease_s,
                "state": move.state,
                "reason": move.reason or "",
                "refusal": json.dumps(dict(move.refusal)),
                "detail": _detail(move),
            },
        )
        row = cursor.fetchone()
    return row and int(row[0])


@step
def note(order: Order, what: Note, detail: str = "") -> None:
    """Put into the timeline what is no transition."""
    order.timeline.create(note=what, detail=detail[:300])


def _detail(move: Move) -> str:
    return " ".join([move.reason or "", *map(str, move.refusal.values())]).strip()[:300]


# The token is dropped as soon as the authorisation is answered, or no longer wanted.
_MOVE = """
WITH moved AS (
    UPDATE order_order SET
        step = %(step)s::text,
        state = coalesce(%(state)s::text, state),
        reason = CASE WHEN %(state)s::text IS NULL THEN reason ELSE %(reason)s::text END,
        refusal = CASE WHEN %(state)s::text IS NULL THEN refusal ELSE %(refusal)s::jsonb END,
        payment_token = CASE WHEN %(step)s::text = 'authorise' THEN payment_token ELSE '' END,
        due_at = CASE WHEN %(step)s::text <> '' THEN clock_timestamp() + make_interval(secs => %(wait)s::float8) END,
        deadline_at = CASE WHEN %(state)s::text IS NULL THEN deadline_at END,
        lease_until = CASE WHEN NOT %(pauses)s::bool
            THEN clock_timestamp() + make_interval(secs => %(lease)s::float8) END,
        attempts = 0, first_unanswered_at = NULL
    WHERE id = %(id)s AND lease_epoch = %(epoch)s AND state = %(from)s
        AND NOT (cancel_requested AND %(unless_cancelled)s::bool)
    RETURNING id
), entered AS (
    INSERT INTO order_timelineentry (order_id, "to", detail)
    SELECT id, %(state)s::text, %(detail)s::text FROM moved WHERE %(state)s::text IS NOT NULL
    RETURNING id
)
SELECT coalesce((SELECT id FROM entered), 0) FROM moved
"""
