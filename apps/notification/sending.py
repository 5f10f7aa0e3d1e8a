"""Sending what is queued: one batch, one SMTP session, one UPDATE for what became of it.

SMTP has no idempotency: after a crash between the server's 250 and the UPDATE the message is sent
again, under the same Message-ID, by which a mailbox can tell.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.notification import mail
from apps.notification.models import Message, MessageState
from apps.user import client as user
from shop import context
from shop.env import env
from shop.errors import NoAnswer
from shop.transactions import command

BATCH = 50
_OPERATION_S = 5.0  # longest wait for one answer of the mail server
# Shares of a lease: addresses are looked up in the first quarter, nothing is begun in the last.
_LOOK_UP, _LAST_START = 0.25, 0.75

# One batch at a time in each process: a mail server that hangs holds one worker thread, not all.
_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt; QUEUED means again, later."""

    message: Message
    state: MessageState
    error: str = ""


def send_due() -> int:
    """Send one batch of due messages, at least once each; return how many were claimed."""
    if not _alone.acquire(blocking=False):
        return 0
    try:
        return _send_batch()
    finally:
        _alone.release()


def _send_batch() -> int:
    end = time.monotonic() + env.lease_s * _LAST_START
    claimed = Message.objects.claim(limit=BATCH)
    if not claimed:
        return 0
    addresses = _addresses(claimed)
    outcomes = [_unaddressed(message, addresses) for message in claimed if not _address(message, addresses)]
    ready = [message for message in claimed if _address(message, addresses)]
    outcomes += _sent(ready, addresses, end)
    _settle(outcomes=outcomes)
    return len(claimed)


def _addresses(messages: Iterable[Message]) -> Mapping[UUID, str]:
    """Each account's address, empty for one that is gone; absent where user did not answer.

    After one silence the rest is not asked: user is away, and the lease is short.
    """
    found: dict[UUID, str] = {}
    accounts = dict.fromkeys(message.account_id for message in messages if message.account_id)
    with context.deadline(env.lease_s * _LOOK_UP), suppress(NoAnswer):
        for account_id in accounts:
            found[account_id] = _contact(account_id)
    return found


def _contact(account_id: UUID) -> str:
    try:
        return user.contact(account_id=account_id).email
    except user.UnknownAccount:
        return ""


def _address(message: Message, addresses: Mapping[UUID, str]) -> str:
    return addresses.get(message.account_id, "") if message.account_id else message.email


def _unaddressed(message: Message, addresses: Mapping[UUID, str]) -> Outcome:
    if message.account_id in addresses:
        return Outcome(message, MessageState.PARKED, "no such account")
    return Outcome(message, MessageState.QUEUED, "user does not answer")


def _sent(messages: list[Message], addresses: Mapping[UUID, str], end: float) -> list[Outcome]:
    """Send ``messages`` until ``end`` (monotonic seconds), or until the server is gone."""
    outcomes: list[Outcome] = []
    error = "not reached in time"
    if messages:
        try:
            timeout_s = min(_OPERATION_S, env.lease_s * (1 - _LAST_START))
            with mail.Connection(env.smtp_url, timeout_s=timeout_s) as server:
                for outcome in _each(server, messages, addresses, end):
                    outcomes.append(outcome)
        except mail.Unreachable as exc:
            error = f"mail server: {exc}"
    return outcomes + [Outcome(message, MessageState.QUEUED, error) for message in messages[len(outcomes) :]]


def _each(
    server: mail.Connection, messages: list[Message], addresses: Mapping[UUID, str], end: float
) -> Iterator[Outcome]:
    for message in messages:
        if time.monotonic() > end:
            return
        try:
            server.send(_letter(message, _address(message, addresses)))
        except mail.Deferred as exc:
            yield Outcome(message, MessageState.QUEUED, str(exc))
        except mail.Refused as exc:
            yield Outcome(message, MessageState.PARKED, str(exc))
        else:
            yield Outcome(message, MessageState.SENT)


def _letter(message: Message, to: str) -> mail.Letter:
    domain = env.mail_from.rpartition("@")[2]
    return mail.Letter(
        message_id=f"<{message.pk}@{domain}>",
        sender=env.mail_from,
        to=to,
        subject=message.subject,
        text=message.text,
        written_at=message.created_at,
    )


@command
def _settle(*, outcomes: list[Outcome]) -> None:
    """Write each outcome where the lease is still this worker's."""
    rows = [(o.message.pk, o.message.lease_epoch, o.state.value, o.error[:200]) for o in outcomes]
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [env.park_after_s, env.backoff_cap_s, *map(list, zip(*rows, strict=True))])


# Exponential backoff for what is queued again; what was not sent for too long is parked.
_SETTLE = """
UPDATE notification_message m SET
    state = CASE WHEN o.state = 'queued' AND m.created_at < clock_timestamp() - make_interval(secs => %s)
        THEN 'parked' ELSE o.state END,
    due_at = CASE o.state WHEN 'queued'
        THEN clock_timestamp() + make_interval(secs => least(%s, 0.2 * 2 ^ least(m.attempts, 20))) ELSE m.due_at END,
    sent_at = CASE o.state WHEN 'sent' THEN clock_timestamp() END,
    last_error = o.error
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[]) AS o(id, epoch, state, error)
WHERE m.id = o.id AND m.lease_epoch = o.epoch AND m.state = 'sending'
"""
