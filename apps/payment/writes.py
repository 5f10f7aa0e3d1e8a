"""The statements that begin a step and write its end: one round trip each, since every order takes them."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.payment.models import (
    ACCEPTED,
    LEASE,
    TRANSITIONS,
    Attempt,
    Kind,
    Payment,
    Status,
    key_of,
)
from shop.env import env
from shop.transactions import step


@step
def begin_authorisation(asked: Payment) -> Payment | None:
    """Write an unseen payment, its attempt and the caller's lease; None for an id seen before."""
    values = {name: getattr(asked, name) for name in _ASKED} | {
        "lease": LEASE,
        "status": Status.AUTHORISING,
        "key": key_of(Kind.AUTHORISE, asked.pk),
        "kind": Kind.AUTHORISE,
    }
    return next(iter(Payment.objects.raw(_BEGIN_AUTHORISATION, values)), None)


@step
def begin_capture(payment_id: UUID) -> Payment | None:
    """Write the intent to capture an authorised payment, and the caller's lease; None in any other state."""
    values = {
        "id": payment_id,
        "lease": LEASE,
        "from": [status for status, targets in TRANSITIONS.items() if Status.CAPTURING in targets],
        "status": Status.CAPTURING,
        "key": key_of(Kind.CAPTURE, payment_id),
        "kind": Kind.CAPTURE,
    }
    return next(iter(Payment.objects.raw(_BEGIN_CAPTURE, values)), None)


@step
def record(payment: Payment, attempt: Attempt) -> list[dict[str, str]]:
    """Write a locked payment and its settled attempt, with the ledger entry of money that moved.

    One statement, of which the lease ends with the step; ``payment.version`` becomes the new one.
    Returns every settled attempt as events show it, oldest first.
    """
    moved = attempt.outcome in ACCEPTED.values()
    values: dict[str, Any] = {
        "id": payment.pk,
        "status": payment.status,
        "authorised": payment.authorised,
        "captured": payment.captured,
        "refunded": payment.refunded,
        "refunding": payment.refunding,
        "token": payment.token,
        "due": payment.under_way,
        "key": attempt.pk,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "gateway_id": attempt.gateway_id,
        "currency": payment.currency,
        "moved": moved,
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, values)
        payment.version, settled_at, earlier = cursor.fetchone()
    latest = {"outcome": str(attempt.outcome), "code": attempt.code, "at": settled_at.isoformat()}
    return [*json.loads(earlier or "[]"), latest]  # Django's cursors give jsonb as text


def postpone(payment: Payment, key: str) -> None:
    """End the lease, if it is still the caller's, and let the step be due again: later at each try.

    Without an answer for ``env.park_after_s`` since the step began, park the payment instead.
    """
    values: dict[str, Any] = {
        "id": payment.pk,
        "epoch": payment.lease_epoch,
        "key": key,
        "cap": env.backoff_cap_s,
        "park_after": timedelta(seconds=env.park_after_s),
    }
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, values)


_ASKED = ("id", "order_number", "amount", "currency", "reference", "token", "customer_id", "email")

_BEGIN_AUTHORISATION = """
WITH made AS (
    INSERT INTO payment_payment (
        id, order_number, amount, currency, reference, token, customer_id, email, status,
        due_at, lease_until, lease_epoch, tries
    ) VALUES (
        %(id)s, %(order_number)s, %(amount)s, %(currency)s, %(reference)s, %(token)s, %(customer_id)s, %(email)s,
        %(status)s, clock_timestamp(), clock_timestamp() + %(lease)s, 1, 1
    )
    ON CONFLICT (id) DO NOTHING
    RETURNING *
), intended AS (
    INSERT INTO payment_attempt (key, payment_id, kind, amount)
    SELECT %(key)s::text, id, %(kind)s::text, amount FROM made
)
SELECT * FROM made
"""

_BEGIN_CAPTURE = """
WITH claimed AS (
    UPDATE payment_payment SET
        status = %(status)s, due_at = clock_timestamp(), lease_until = clock_timestamp() + %(lease)s,
        lease_epoch = lease_epoch + 1, tries = 1
    WHERE id = %(id)s AND status = ANY(%(from)s)
    RETURNING *
), intended AS (
    INSERT INTO payment_attempt (key, payment_id, kind, amount)
    SELECT %(key)s::text, id, %(kind)s::text, amount FROM claimed
)
SELECT * FROM claimed
"""

_RECORD = """
WITH settled AS (
    UPDATE payment_attempt SET
        outcome = %(outcome)s, code = %(code)s, gateway_id = %(gateway_id)s, settled_at = clock_timestamp()
    WHERE key = %(key)s AND settled_at IS NULL
    RETURNING key, payment_id, amount, settled_at
), entered AS (
    INSERT INTO payment_entry (attempt_id, payment_id, kind, amount, currency)
    SELECT key, payment_id, %(outcome)s::text, amount, %(currency)s::text FROM settled WHERE %(moved)s::boolean
)
UPDATE payment_payment p SET
    status = %(status)s, version = version + 1, authorised = %(authorised)s, captured = %(captured)s,
    refunded = %(refunded)s, refunding = %(refunding)s, token = %(token)s, lease_until = NULL, tries = 0,
    due_at = CASE WHEN %(due)s::boolean THEN clock_timestamp() END
FROM settled WHERE p.id = settled.payment_id AND p.id = %(id)s
RETURNING p.version, settled.settled_at, (
    SELECT jsonb_agg(jsonb_build_object('outcome', a.outcome, 'code', a.code, 'at', a.settled_at) ORDER BY a.settled_at)
    FROM payment_attempt a WHERE a.payment_id = p.id AND a.settled_at IS NOT NULL
)
"""

_POSTPONE = """
UPDATE payment_payment p SET
    lease_until = NULL,
    due_at = clock_timestamp() + make_interval(secs => least(%(cap)s, 0.2 * 2 ^ least(p.tries, 20))),
    parked_reason = CASE WHEN a.started_at < clock_timestamp() - %(park_after)s
        THEN a.kind || ': no answer since ' || a.started_at::timestamp(0) ELSE p.parked_reason END
FROM payment_attempt a
WHERE p.id = %(id)s AND p.lease_epoch = %(epoch)s AND a.key = %(key)s
"""
