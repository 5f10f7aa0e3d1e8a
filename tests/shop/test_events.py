"""Outbox, relay and inbox against a real PostgreSQL."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection

from shop import context, transport
from shop.events import registry, relay
from shop.events.models import Delivery, DeliveryState, Event, Received
from shop.roles import OPERATOR, ROLES
from shop.transactions import command

pytestmark = pytest.mark.django_db(transaction=True)


def _written(name: str, *, emitter: str, subscriber: str) -> Event:
    """An event in the outbox as a command of ``emitter`` leaves it."""
    event = Event.objects.create(id=uuid4(), name=name, emitter=emitter, aggregate="a", sequence=1, payload={})
    Delivery.objects.create(event=event, emitter=emitter, subscriber=subscriber)
    return event


def _states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def _relay(emitter: str) -> int:
    with context.working_as(emitter):
        return relay.relay_once(emitter=emitter)


def test_the_table_the_declarations_and_the_handlers_agree() -> None:
    """Every event type heard is declared by its emitter and handled by its hearer, and none beside."""
    heard = {
        (role.name, name): emitter for role in ROLES.values() for emitter, names in role.hears.items() for name in names
    }
    assert registry.all_handled() == frozenset(heard)
    declared = {name: declared.emitter for name, declared in registry.all_declared().items()}
    assert {name: emitter for (_, name), emitter in heard.items()} == declared


def test_an_unknown_type_is_tried_again() -> None:
    """A subscriber of an older version keeps the event due: the next version may know it."""
    _written("order.invented.v9", emitter="order", subscriber="cart")
    assert _relay("order") == 1
    assert _states() == [DeliveryState.DUE]
    delivery = Delivery.objects.get()
    assert (delivery.attempts, delivery.last_error) == (1, "unknown type")


def test_a_rejected_event_parks_alone(restore_handlers: Callable[..., None]) -> None:
    """An event its handler cannot take is parked; those behind it in the batch go on."""
    handled: list[str] = []

    def refuse_the_first(received: registry.Received) -> None:
        handled.append(received.id)
        if len(handled) == 1:
            raise ValueError("cannot take this")

    restore_handlers("cart", "order.confirmed.v1", refuse_the_first)
    for _ in range(3):
        _written("order.confirmed.v1", emitter="order", subscriber="cart")
    _relay("order")
    assert sorted(_states()) == [DeliveryState.ACCEPTED, DeliveryState.ACCEPTED, DeliveryState.PARKED]
    assert Received.objects.count() == 2
    parked = Delivery.objects.get(state=DeliveryState.PARKED)
    assert relay.retry(delivery_id=parked.pk)  # by a person, once the handler can take it
    assert not relay.retry(delivery_id=parked.pk)
    _relay("order")
    assert set(_states()) == {DeliveryState.ACCEPTED}


def test_an_unknown_outcome_is_no_acceptance() -> None:
    """A subscriber of another version may answer what this one does not know: the event stays due."""
    _written("order.confirmed.v1", emitter="order", subscriber="cart")
    (claimed,) = Delivery.objects.claim(emitter="order", limit=1)
    assert relay._outcome(claimed, {"id": str(claimed.event_id), "outcome": "deferred"})[1] == relay.RETRY


def test_a_duplicate_has_no_second_effect(restore_handlers: Callable[..., None]) -> None:
    """The inbox row commits with the effect; a second delivery of the same event finds it."""
    effects: list[str] = []
    restore_handlers("cart", "order.confirmed.v1", lambda received: effects.append(received.id))
    event = _written("order.confirmed.v1", emitter="order", subscriber="cart")
    wire = [{"id": str(event.id), "name": event.name, "aggregate": "a", "sequence": 1, "payload": {}}] * 2
    with context.working_as("order"):
        reply = transport.post("cart", "/cart/internal/events", json_body={"events": wire}, purpose="events")
    assert [answer["outcome"] for answer in reply.body["answers"]] == ["accepted", "duplicate"]
    assert effects == [str(event.id)]


def test_a_relay_that_lost_its_lease_settles_nothing() -> None:
    """A result is written only where the lease is still the relay's own."""
    _written("order.confirmed.v1", emitter="order", subscriber="cart")
    (claimed,) = Delivery.objects.claim(emitter="order", limit=1)
    Delivery.objects.update(lease_epoch=claimed.lease_epoch + 1)
    Delivery.objects.settle([(claimed, relay.ACCEPTED, "")])
    assert _states() == [DeliveryState.DUE]


def test_what_is_claimed_is_not_claimed_again_before_its_lease_ends() -> None:
    """Any number of relays may run."""
    _written("order.confirmed.v1", emitter="order", subscriber="cart")
    assert len(Delivery.objects.claim(emitter="order", limit=9)) == 1
    assert Delivery.objects.claim(emitter="order", limit=9) == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_delivery SET due_at = now() - interval '1 second'")
    assert len(Delivery.objects.claim(emitter="order", limit=9)) == 1


def test_the_audit_names_a_parked_delivery_and_a_missing_one() -> None:
    """The two shared rules: what a person must look at, and what would never arrive."""
    parked = _written("order.confirmed.v1", emitter="order", subscriber="cart")
    Delivery.objects.filter(event=parked).update(state=DeliveryState.PARKED)
    with context.working_as(OPERATOR):
        reply = transport.get("order", "/order/internal/audit/rules", purpose=OPERATOR)
    named = {(row["rule"], row["id"]) for row in reply.body["broken"]}
    assert named == {
        ("event-parked", str(parked.id)),
        ("event-undelivered", str(parked.id)),
    }  # no delivery to notification


def test_an_event_and_its_effect_commit_together(restore_handlers: Callable[..., None]) -> None:
    """A handler that fails leaves neither effect nor inbox row."""

    @command
    def probe() -> int:
        return Received.objects.count()

    def fail(received: registry.Received) -> None:
        raise ValueError

    restore_handlers("cart", "order.confirmed.v1", fail)
    _written("order.confirmed.v1", emitter="order", subscriber="cart")
    _relay("order")
    assert probe() == 0
