"""Every event that people are told of becomes one message, whatever happens to it on its way."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.notification import wording
from apps.notification.models import Message, MessageKind, MessageState, Template
from shop.env import env
from shop.events import registry
from shop.roles import ROLES
from tests.notification.conftest import ORDER, hear

ACCOUNT = str(uuid4())
SHIPMENT = {
    "shipment_id": str(uuid4()),
    "order_number": "ORDER00001",
    "tracking_number": "TRACK",
    "method": "standard",
    "status": "x",
    "customer_id": ACCOUNT,
    "email": "",
    "at": "2026-01-01T00:00:00Z",
}
MONEY = {"amount": "5.00", "currency": "EUR"}
EVENTS: list[tuple[str, dict[str, Any], str, str]] = [  # name, payload, recipient, what the message says
    ("order.confirmed.v1", ORDER, "ada@example.com", "2 x Lamp <big> (LAMP)"),
    ("order.rejected.v1", ORDER | {"reason": "payment-declined", "deferred": True}, "ada@example.com", "declined"),
    ("order.cancelled.v1", ORDER | {"reason": "cancelled"}, "ada@example.com", "ORDER00001 is cancelled"),
    (
        "payment.refunded.v1",
        ORDER | {"payment_id": "p", "refund_id": "r", "amount": MONEY},
        "ada@example.com",
        "5.00 EUR",
    ),
    ("shipment.handed_over.v1", SHIPMENT, ACCOUNT, "TRACK"),
    ("shipment.delivered.v1", SHIPMENT, ACCOUNT, "TRACK"),
    ("account.registered.v1", {"account_id": ACCOUNT, "email": "a@example.com", "name": "Ada"}, ACCOUNT, "Hello Ada"),
    ("stock.low.v1", {"sku": "LAMP", "available": 2, "threshold": 3}, env.staff_email, "2 of LAMP"),
]


@pytest.mark.parametrize(("name", "payload", "recipient", "says"), EVENTS, ids=[event[0] for event in EVENTS])
def test_an_event_queues_one_message(name: str, payload: dict[str, Any], recipient: str, says: str) -> None:
    """For the account or the address it names; a repeat adds none."""
    event_id, outcome = hear(name, **payload)
    assert outcome == "accepted"
    assert hear(name, event_id, **payload) == (event_id, "duplicate")
    message = Message.objects.get()
    assert str(message.account_id or message.email) == recipient
    assert (str(message.event_id), message.state) == (event_id, MessageState.QUEUED)
    assert says in message.text
    assert message.subject.splitlines() == [message.subject]


def test_every_event_of_the_table_is_handled() -> None:
    """What shop/roles.py says notification hears, and nothing else."""
    heard = set().union(*ROLES["notification"].hears.values())
    assert heard == {event[0] for event in EVENTS}
    assert heard == {name for role, name in registry.all_handled() if role == "notification"}


def test_a_handler_is_one_insert(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin, inbox, message, commit; once the shop's own wordings are known, and until they are read again."""
    monkeypatch.setattr(wording, "_KEPT_S", 1e9)
    hear("order.confirmed.v1", **ORDER)
    many = ORDER | {"lines": ORDER["lines"] * 50}  # type: ignore[operator]
    for payload in (ORDER, many):
        with CaptureQueriesContext(connection) as captured:
            hear("order.confirmed.v1", **payload)
        assert len(captured) == 4, captured.captured_queries


def test_a_rejection_answered_at_once_owes_no_mail() -> None:
    """The row says so, for the audit."""
    hear("order.rejected.v1", **ORDER, reason="payment-declined", deferred=False)
    assert Message.objects.get().state == MessageState.WITHHELD


def test_an_event_without_a_recipient_is_refused() -> None:
    """It parks at its sender, where a person sees it; nothing pretends to be told."""
    assert hear("order.cancelled.v1", **ORDER | {"email": "", "reason": "x"})[1] == "rejected"
    assert not Message.objects.exists()


def test_the_shops_own_wording_is_used() -> None:
    """Plain text: nothing is escaped. The subject is one line, whatever the template says."""
    Template.objects.create(
        kind=MessageKind.ORDER_CONFIRMED,
        subject="Hurrah:\nBcc: x {{ order_number }}",
        text="{% for l in lines %}{{ l.name }}{% endfor %}",
    )
    hear("order.confirmed.v1", **ORDER)
    message = Message.objects.get()
    assert (message.subject, message.text) == ("Hurrah: Bcc: x ORDER00001", "Lamp <big>")


@pytest.mark.parametrize("source", ["{% if %}", "{% include 'x' %}", "{{ order_number|nosuchfilter }}"])
def test_a_broken_template_loses_no_message(source: str) -> None:
    """The built-in wording takes its place."""
    Template.objects.create(kind=MessageKind.ORDER_CONFIRMED, subject="ok", text=source)
    assert hear("order.confirmed.v1", **ORDER)[1] == "accepted"
    message = Message.objects.get()
    assert message.subject == "Order ORDER00001 is confirmed"
    assert "19.90 EUR" in message.text
