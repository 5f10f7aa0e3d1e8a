"""Carrying events from the outbox to their subscribers, and handling them there."""

import json
import logging
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.db.utils import InterfaceError, OperationalError

from shop import faults, metrics, transport, wake
from shop.context import DeadlineExceeded
from shop.errors import NoAnswer
from shop.events import registry
from shop.events.models import Delivery, DeliveryState
from shop.transactions import command

logger = logging.getLogger(__name__)

BATCH = 50  # events in one request: bounded work within the callee's deadline
ACCEPTED, DUPLICATE, RETRY, REJECTED = "accepted", "duplicate", "retry", "rejected"
_OUTCOMES = frozenset({ACCEPTED, DUPLICATE, RETRY, REJECTED})


def relay_once(*, emitter: str) -> int:
    """Deliver due events of ``emitter``, at least once each; return how many were claimed.

    Any number of relays may run: deliveries are claimed under SKIP LOCKED, and subscribers are called
    outside any transaction. After a crash the lease runs out and the rest is sent again.
    """
    claimed = Delivery.objects.claim(emitter=emitter, limit=BATCH)
    for subscriber, group in groupby(claimed, key=lambda delivery: delivery.subscriber):
        deliveries = list(group)
        outcomes = _post(subscriber, deliveries)
        faults.at(f"settle:{emitter}:{subscriber}")
        Delivery.objects.settle(outcomes)
        for _, outcome, _ in outcomes:
            metrics.EVENTS_DELIVERED.labels(emitter, subscriber, outcome).inc()
    return len(claimed)


def _post(subscriber: str, deliveries: list[Delivery]) -> list[tuple[Delivery, str, str]]:
    events = [_wire(delivery) for delivery in deliveries]
    path, key = f"/{subscriber}/internal/events", str(deliveries[0].event_id)
    try:
        reply = transport.post(subscriber, path, json_body={"events": events}, purpose="events", idempotency_key=key)
    except NoAnswer as exc:
        return [(delivery, RETRY, str(exc)) for delivery in deliveries]
    if reply.problem:
        return [(delivery, RETRY, f"{reply.status} {reply.problem}") for delivery in deliveries]
    answers = {answer["id"]: answer for answer in reply.body["answers"]}
    return [_outcome(delivery, answers.get(str(delivery.event_id))) for delivery in deliveries]


def _outcome(delivery: Delivery, answer: Mapping[str, str] | None) -> tuple[Delivery, str, str]:
    if answer is None:
        return delivery, RETRY, "not answered"
    if answer["outcome"] not in _OUTCOMES:  # a newer subscriber's word: it does not say that the event was handled
        return delivery, RETRY, f"unknown outcome {answer['outcome']}"
    return delivery, answer["outcome"], answer.get("error", "")


def _wire(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.event_id),
        "name": delivery.name,
        "aggregate": delivery.aggregate,
        "sequence": delivery.sequence,
        "payload": json.loads(delivery.payload),
    }


@command
def retry(*, delivery_id: int) -> bool:
    """Let a parked delivery be sent again, at once; False when it is not parked."""
    parked = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.PARKED)
    emitter = parked.values_list("emitter", flat=True).first()
    if emitter is None:
        return False
    wake.after_commit(emitter, "relay")
    return bool(parked.update(state=DeliveryState.DUE, due_at=Now(), attempts=0, settled_at=None))


def receive(*, subscriber: str, events: Iterable[registry.Received]) -> list[dict[str, str]]:
    """Handle each event in a transaction of its own; one answer per event, in order.

    A failure of the database or of time is *retry*; an exception of the handler is *rejected*, and
    parks that event alone; a type this version does not know is *retry*: a newer one may know it.
    """
    return [_receive(subscriber, received) for received in events]


def _receive(subscriber: str, received: registry.Received) -> dict[str, str]:
    handler = registry.handler_of(subscriber, received.name)
    if handler is None:
        return {"id": received.id, "outcome": RETRY, "error": "unknown type"}
    try:
        outcome = _handle(subscriber=subscriber, received=received, handler=handler)
    except (OperationalError, InterfaceError, DeadlineExceeded) as exc:
        return {"id": received.id, "outcome": RETRY, "error": exc.__class__.__name__}
    except Exception as exc:  # whatever it is, it must not stop the events behind it
        logger.exception("%s refused %s %s", subscriber, received.name, received.id)
        return {"id": received.id, "outcome": REJECTED, "error": f"{exc.__class__.__name__}: {exc}"}
    return {"id": received.id, "outcome": outcome}


@command
def _handle(*, subscriber: str, received: registry.Received, handler: registry.Handler) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_received (subscriber, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [subscriber, received.id],
        )
        if not cursor.rowcount:
            return DUPLICATE
    handler(received)
    faults.at(f"handle:{subscriber}:{received.name}")
    return ACCEPTED
