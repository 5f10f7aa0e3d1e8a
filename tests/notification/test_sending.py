"""Sending over real SMTP: at least once, under one Message-ID; a mail server that is down harms nothing."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from aiosmtpd.controller import Controller
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.notification import sending, services
from apps.notification.models import Message, MessageState
from shop import context
from shop.transactions import command
from tests.notification.conftest import ORDER, Sink, customer, hear, make_due, send


def queued(count: int = 1, **changes: Any) -> None:
    for _ in range(count):
        hear("order.confirmed.v1", **ORDER | changes)


@pytest.fixture
def refusing(settings_of: Callable[..., None]) -> Iterator[Callable[[str], None]]:
    """A mail server that answers RCPT with the line given."""
    started: list[Controller] = []

    def start(answer: str) -> None:
        class Handler:
            async def handle_RCPT(self, *_: Any) -> str:  # noqa: N802  # aiosmtpd's name
                return answer

        controller = Controller(Handler(), hostname="127.0.0.1", port=_free_port())
        controller.start()
        started.append(controller)
        settings_of(smtp_url=f"smtp://127.0.0.1:{controller.port}")

    yield start
    for controller in started:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_message_is_sent_once(sink: Sink) -> None:
    """To the guest's address, with a Message-ID made of the row's id."""
    queued()
    assert send(2) == 1
    (mail,) = sink.messages()
    message = Message.objects.get()
    assert (mail["to"], mail["subject"]) == (["ada@example.com"], "Order ORDER00001 is confirmed")
    assert "2 x Lamp <big> (LAMP)" in mail["text"]
    assert str(message.pk) in mail["message_id"]
    assert message.state == MessageState.SENT
    assert message.sent_at is not None


def test_a_customers_address_is_asked_for_when_it_is_sent(sink: Sink) -> None:
    """So that it is the present one, and notification keeps none."""
    account = customer("old@example.com")
    queued(customer_id=str(account.pk), email="")
    account.email = "new@example.com"
    account.save()
    send()
    assert [mail["to"] for mail in sink.messages()] == [["new@example.com"]]
    assert Message.objects.get().email == ""


def test_a_batch_costs_a_constant_number_of_statements(sink: Sink) -> None:
    """Claim, one look-up per account, one UPDATE in its transaction: the same for 1 and 40 messages."""
    account = str(customer().pk)
    counts = []
    for size in (1, 40):
        queued(size, customer_id=account, email="")
        with CaptureQueriesContext(connection) as captured:
            assert send() == size
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert len(sink.messages()) == 41


def test_a_message_to_an_account_that_is_gone_is_parked(sink: Sink) -> None:
    """The others of the batch are sent."""
    queued(customer_id=str(uuid4()), email="")
    queued()
    send()
    states = dict(Message.objects.values_list("email", "state"))
    assert states == {"": MessageState.PARKED, "ada@example.com": MessageState.SENT}
    assert len(sink.messages()) == 1


def test_a_mail_server_that_is_down_only_delays(settings_of: Callable[..., None], sink: Sink) -> None:
    """The message waits, with a backoff that grows up to its cap, and is sent once the server is back."""
    queued()
    settings_of(smtp_url=f"smtp://127.0.0.1:{_free_port()}", backoff_cap_s=1)
    waits = []
    for _ in range(4):
        make_due()
        assert send() == 1
        message = Message.objects.annotate(wait=F("due_at") - Now()).get()
        assert message.state == MessageState.QUEUED
        waits.append(message.wait.total_seconds())
    assert "mail server" in message.last_error
    assert waits[0] < waits[1] < waits[3] <= 1
    settings_of(smtp_url=sink.smtp_url)
    make_due()
    send()
    assert len(sink.messages()) == 1


def test_a_mail_server_that_hangs_is_left_in_time(settings_of: Callable[..., None]) -> None:
    """Within the lease; meanwhile no second worker thread gets caught by it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings_of(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}", lease_s=4)
        queued()
        caught = threading.Thread(target=_send_and_close)
        caught.start()
        silent.settimeout(5)
        held, _ = silent.accept()
        with held:
            queued()
            assert send() == 0
            caught.join(timeout=3)
        assert not caught.is_alive()
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.QUEUED}


def _send_and_close() -> None:
    try:
        send()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("answer", "state"), [("550 no such user", MessageState.PARKED), ("451 later", MessageState.QUEUED)]
)
def test_a_refusal_for_good_parks(refusing: Callable[[str], None], answer: str, state: MessageState) -> None:
    """A temporary one is tried again. What the server says is kept as a code: it may name the address."""
    refusing(answer)
    queued()
    send()
    message = Message.objects.get()
    assert message.state == state
    assert message.last_error == f"mail server answered {answer[:3]}"


def test_a_malformed_address_parks(sink: Sink) -> None:
    """It harms no other message, and adds no header."""
    queued(email="a@example.com\nBcc: all@example.com")
    queued()
    send()
    assert [mail["to"] for mail in sink.messages()] == [["ada@example.com"]]
    assert Message.objects.filter(state=MessageState.PARKED).count() == 1


def test_what_cannot_be_sent_for_too_long_is_parked(settings_of: Callable[..., None]) -> None:
    """A person decides then; the retry queues it again."""
    queued()
    Message.objects.update(created_at=Now() - timedelta(hours=25))
    settings_of(smtp_url=f"smtp://127.0.0.1:{_free_port()}", park_after_s=86400)
    send()
    message = Message.objects.get()
    assert message.state == MessageState.PARKED
    assert services.retry(message_id=message.pk)
    assert not services.retry(message_id=message.pk)
    assert Message.objects.get().state == MessageState.QUEUED


def test_a_crash_after_the_servers_yes_repeats_the_message_id(sink: Sink) -> None:
    """SMTP cannot exclude the second copy; a mailbox can tell."""
    queued()
    send()
    Message.objects.update(state=MessageState.SENDING, sent_at=None, due_at=Now())  # as a crash leaves it
    send()
    first, second = sink.messages()
    assert first["message_id"] == second["message_id"]
    assert Message.objects.get().state == MessageState.SENT


def test_a_worker_that_lost_its_lease_settles_nothing(sink: Sink) -> None:
    """The epoch of the newer claim stands."""
    queued()
    (stale,) = Message.objects.claim(limit=1)
    make_due()
    (held,) = Message.objects.claim(limit=1)
    sending._settle(outcomes=[sending.Outcome(stale, MessageState.PARKED)])
    assert Message.objects.get().state == MessageState.SENDING
    sending._settle(outcomes=[sending.Outcome(held, MessageState.SENT)])
    assert Message.objects.get().state == MessageState.SENT


def test_a_claim_skips_what_another_holds(sink: Sink) -> None:
    """Without waiting for it: here the other goes on only after this claim."""
    queued(2)
    holding, claimed = threading.Event(), threading.Event()

    @command
    def hold() -> set[Any]:
        held = {message.pk for message in Message.objects.claim(limit=1)}
        holding.set()
        assert claimed.wait(3), "the second claim waited"
        return held

    def work() -> set[Any]:
        try:
            return hold()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(work)
        assert holding.wait(5)
        second = {message.pk for message in Message.objects.claim(limit=2)}
        claimed.set()
        assert len(second) == 1
        assert second.isdisjoint(first.result())


def test_two_processes_send_each_message_once(sink: Sink) -> None:
    """They skip what the other holds."""
    queued(120)

    def work(_: int) -> int:
        try:
            with context.working_as("notification"):
                return sum(sending._send_batch() for _ in range(3))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 120
    sent = [mail["message_id"] for mail in _all(sink)]
    assert len(sent) == len(set(sent)) == 120


def _all(sink: Sink) -> list[dict[str, Any]]:
    found = sink.messages()
    while page := urllib3.request("GET", f"{sink.http_url}/messages?after={found[-1]['id']}").json():
        found += page
    return found


def test_no_address_or_text_is_logged(refusing: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    """Neither when it works nor when it does not."""
    caplog.set_level(logging.DEBUG)
    refusing("550 ada@example.com is unknown")
    queued()
    send()
    own = [record.getMessage() for record in caplog.records if record.name.startswith(("apps", "shop"))]
    assert not any("ada@" in line or "Lamp" in line for line in own)


def test_old_messages_lose_their_personal_data(sink: Sink) -> None:
    """After 90 days, and only what is settled."""
    queued(2)
    send()
    old, new = Message.objects.order_by("pk")
    Message.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=91))
    assert services.forget() == 1
    assert services.forget() == 0
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.email, old.text, old.subject) == ("", "", "")
    assert new.email
