"""What must hold among payment's own rows, and what it can be asked to agree with others about."""

import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from threading import Lock
from uuid import UUID

from django.db import connection

from apps.payment import gateways
from apps.payment.gateways import Line
from apps.payment.models import Attempt, Payment
from shop.audit.registry import Fact, facts, pending, rule
from shop.money import Money

rule(
    "counters-equal-ledger",
    """
    SELECT p.id::text, format('authorised %s, captured %s, refunded %s; the ledger says %s, %s, %s',
        p.authorised, p.captured, p.refunded, e.authorised, e.captured, e.refunded)
    FROM payment_payment p CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(amount) FILTER (WHERE kind = 'authorised'), 0)
                - coalesce(sum(amount) FILTER (WHERE kind = 'voided'), 0) AS authorised,
            coalesce(sum(amount) FILTER (WHERE kind = 'captured'), 0) AS captured,
            coalesce(sum(amount) FILTER (WHERE kind = 'refunded'), 0) AS refunded
        FROM payment_entry WHERE payment_id = p.id
    ) e
    WHERE (p.authorised, p.captured, p.refunded) IS DISTINCT FROM (e.authorised, e.captured, e.refunded)
    """,
    role="payment",
)
rule(
    "refunds-equal-counters",
    """
    SELECT p.id::text, format('refunded %s and refunding %s; its refunds say %s and %s',
        p.refunded, p.refunding, r.succeeded, r.pending)
    FROM payment_payment p CROSS JOIN LATERAL (
        SELECT
            coalesce(sum(amount) FILTER (WHERE status = 'succeeded'), 0) AS succeeded,
            coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0) AS pending
        FROM payment_refund WHERE payment_id = p.id
    ) r
    WHERE (p.refunded, p.refunding) IS DISTINCT FROM (r.succeeded, r.pending)
    """,
    role="payment",
)
rule(
    "refunds-within-captured",
    """
    SELECT id::text, format('refunded %s and refunding %s of %s captured', refunded, refunding, captured)
    FROM payment_payment WHERE refunded + refunding > captured
    """,
    role="payment",
)
rule(
    "captured-within-authorised",
    """
    SELECT id::text, format('captured %s of %s authorised of %s', captured, authorised, amount)
    FROM payment_payment WHERE captured > authorised OR authorised > amount
    """,
    role="payment",
)
rule(
    "status-has-its-sums",
    """
    SELECT id::text, format('%s with authorised %s, captured %s of %s', status, authorised, captured, amount)
    FROM payment_payment WHERE (authorised, captured) IS DISTINCT FROM CASE
        WHEN status IN ('authorising', 'declined', 'voided') THEN (0::numeric, 0::numeric)
        WHEN status = 'captured' THEN (amount, amount)
        ELSE (amount, 0::numeric) END
    """,
    role="payment",
)
rule(
    "at-rest-is-resolved",
    """
    SELECT p.id::text, format('%s is at rest, %s is not resolved', p.status, a.key)
    FROM payment_payment p JOIN payment_attempt a ON a.payment_id = p.id AND a.settled_at IS NULL
    WHERE p.due_at IS NULL
    """,
    role="payment",
)
rule(
    "under-way-has-attempt",
    """
    SELECT id::text, format('%s, and nothing asks the gateway', status) FROM payment_payment p
    WHERE (due_at IS NOT NULL OR status IN ('authorising', 'capturing', 'voiding') OR refunding > 0)
      AND (due_at IS NULL OR NOT EXISTS (
          SELECT FROM payment_attempt a WHERE a.payment_id = p.id AND a.settled_at IS NULL))
    """,
    role="payment",
)
rule(
    "attempt-equals-entry",
    """
    SELECT a.key, format('%s %s; the ledger says %s %s', a.outcome, a.amount, e.kind, e.amount)
    FROM payment_attempt a LEFT JOIN payment_entry e ON e.attempt_id = a.key
    WHERE CASE WHEN a.outcome IN ('authorised', 'captured', 'voided', 'refunded')
        THEN (e.kind, e.amount, e.payment_id) IS DISTINCT FROM (a.outcome, a.amount, a.payment_id)
        ELSE e.id IS NOT NULL END
    """,
    role="payment",
)
rule(
    "refund-equals-attempt",
    """
    SELECT r.id::text, format('%s %s; its attempt says %s %s', r.status, r.amount, a.outcome, a.amount)
    FROM payment_refund r LEFT JOIN payment_attempt a ON a.refund_id = r.id
    WHERE (a.outcome, a.amount, a.payment_id) IS DISTINCT FROM (
        CASE r.status WHEN 'succeeded' THEN 'refunded' WHEN 'refused' THEN 'refused' ELSE '' END,
        r.amount, r.payment_id)
    """,
    role="payment",
)
rule(
    "entry-currency",
    """
    SELECT p.id::text, format('a payment in %s has an entry in %s', p.currency, e.currency)
    FROM payment_entry e JOIN payment_payment p ON p.id = e.payment_id WHERE e.currency <> p.currency
    """,
    role="payment",
)
rule(
    "token-dropped",
    """
    SELECT id::text, format('%s, and its token is still kept', status)
    FROM payment_payment WHERE token <> '' AND status <> 'authorising'
    """,
    role="payment",
)
rule(
    "payment-parked",
    "SELECT id::text, 'parked: ' || parked_reason FROM payment_payment WHERE parked_reason <> ''",
    role="payment",
)


@pending
def unresolved_attempts() -> int:
    """Steps that the gateway has not answered; what is parked does not end by itself."""
    count: int = Attempt.objects.unresolved().filter(payment__parked_reason="").count()
    return count


@facts("payments")
def payments(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Every payment with its sums; ``authorised`` is net of voids."""
    rows = Payment.objects.order_by("pk")
    if ids is not None:
        rows = rows.filter(pk__in=[known for known in map(_uuid, ids) if known])
    elif after:
        rows = rows.filter(pk__gt=_uuid(after) or UUID(int=0))
    return [
        {
            "id": str(row.pk),
            "order_number": row.order_number,
            "status": row.status,
            "currency": row.currency,
            **{name: _text(getattr(row, name), row.currency) for name in ("authorised", "captured", "refunded")},
        }
        for row in rows[:limit]
    ]


@facts("entries")
def entries(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """Payment's own ledger in the shape of ``gateway``."""
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, {"ids": None if ids is None else list(ids), "after": after, "limit": limit})
        rows = cursor.fetchall()
    return [_fact(Line(key, kind, Money(amount, currency), status)) for key, kind, amount, currency, status in rows]


_ENTRIES = """
SELECT a.key, a.kind, e.amount, e.currency, e.kind
FROM payment_entry e JOIN payment_attempt a ON a.key = e.attempt_id
WHERE CASE WHEN %(ids)s::text[] IS NULL THEN a.key > %(after)s ELSE a.key = ANY(%(ids)s) END
ORDER BY a.key LIMIT %(limit)s
"""


@facts("gateway")
def gateway(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """The gateway's own books; what payment has no answer to yet is not at rest, and left out."""
    if ids is not None:
        return [_fact(line) for line in _at_rest(gateways.default().books(keys=ids))]
    lines = _whole_books(again=not after)
    start = bisect_right(lines, after, key=lambda line: line.key)
    return [_fact(line) for line in lines[start : start + limit]]


@dataclass(slots=True)
class _Reading:
    """The gateway's books as last read. They come in the order of time, facts go out in the order of id."""

    lines: list[Line]
    good_until: float  # time.monotonic()


_GOOD_FOR_S = 30.0  # for the pages that follow; what disagrees is read again by id in any case
_reading = _Reading([], 0.0)
_reading_lock = Lock()


def _whole_books(*, again: bool) -> list[Line]:
    with _reading_lock:
        if again or time.monotonic() > _reading.good_until:
            _reading.lines = _at_rest(gateways.default().books())
            _reading.good_until = time.monotonic() + _GOOD_FOR_S
        return _reading.lines


def _at_rest(lines: Iterable[Line]) -> list[Line]:
    read = sorted(lines, key=lambda line: line.key)
    unresolved = set(Attempt.objects.unresolved().values_list("pk", flat=True))
    return [line for line in read if line.key not in unresolved]


def _fact(line: Line) -> Fact:
    shown = asdict(line) | line.money.json()
    return {"id": shown["key"]} | {name: shown[name] for name in ("kind", "amount", "currency", "status")}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _text(amount: object, currency: str) -> str:
    return Money(amount, currency).json()["amount"]  # type: ignore[arg-type]
