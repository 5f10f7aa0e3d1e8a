"""Notification as it runs: events as they arrive, and a mail server that really speaks SMTP."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import urllib3
from django.db.models.functions import Now

from apps.notification import mailbox, sending, wording
from apps.notification.models import Message
from shop import context
from shop import env as environment
from shop.events.registry import Received
from shop.events.relay import receive
from shop.identity.models import Account

ROOT = Path(__file__).resolve().parents[2]
ORDER = {
    "order_number": "ORDER00001",
    "customer_id": "",
    "email": "ada@example.com",
    "cart_id": "",
    "lines": [{"sku": "LAMP", "name": "Lamp <big>", "quantity": 2}],
    "total": {"amount": "19.90", "currency": "EUR"},
}


@dataclasses.dataclass(frozen=True)
class Sink:
    """A running mail server, and what it has received."""

    smtp_url: str
    http_url: str

    def messages(self, to: str = "") -> list[dict[str, Any]]:
        fields = {"to": to} if to else {}
        found: list[dict[str, Any]] = urllib3.request("GET", f"{self.http_url}/messages", fields=fields).json()
        return found


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Sink]:
    command = [sys.executable, "-m", "simulators.mail", "--smtp-port", "0", "--http-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        yield Sink(f"smtp://127.0.0.1:{ports['smtp_port']}", f"http://127.0.0.1:{ports['http_port']}")
        process.terminate()


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run the app under another environment: ``settings_of(smtp_url=...)``."""

    def change(**values: Any) -> None:
        changed = dataclasses.replace(environment.env, **values)
        for module in ("apps.notification.sending", "apps.notification.api", "apps.notification.mailbox"):
            monkeypatch.setattr(f"{module}.env", changed)

    return change


@pytest.fixture
def sink(mail_server: Sink, settings_of: Callable[..., None]) -> Sink:
    """The mail server, empty, with the app pointed at it."""
    urllib3.request("DELETE", f"{mail_server.http_url}/messages")
    settings_of(smtp_url=mail_server.smtp_url, mailbox_url=mail_server.http_url)
    return mail_server


@pytest.fixture(autouse=True)
def fresh(transactional_db: None) -> None:
    """No template remembered, no connection kept, from another test."""
    wording._own_wordings.cache_clear()
    mailbox._pool.cache_clear()


def hear(name: str, event_id: str = "", /, **payload: Any) -> tuple[str, str]:
    """Deliver one event; its id and what notification answers."""
    event_id = event_id or str(uuid4())
    received = Received(id=event_id, name=name, aggregate="a", sequence=1, payload=payload)
    with context.working_as("notification"):
        (answer,) = receive(subscriber="notification", events=[received])
    return event_id, answer["outcome"]


def send(times: int = 1) -> int:
    """Run the mail job; how many messages it claimed."""
    with context.working_as("notification"):
        return sum(sending.send_due() for _ in range(times))


def make_due() -> None:
    """Let backoff and leases be over."""
    Message.objects.update(due_at=Now())


def customer(email: str = "customer@example.com") -> Account:
    return Account.objects.create_user(email=email, password=None, name="Ada")
