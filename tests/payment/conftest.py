"""Payment against the real gateway simulator, in a process of its own, and a real PostgreSQL."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from apps.payment import gateways, models, services, writes
from apps.payment.models import Kind, Payment, key_of
from shop import context
from shop.env import env
from shop.money import Money
from tests.simulators.conftest import database_url, gateway, gateway_log, server_url  # noqa: F401  # fixtures
from tests.simulators.servers import HANG_S, KEY, GatewayClient

AMOUNT = Money.parse("19.90", "EUR")
LEASE_S = 1.0


@dataclass
class Tuned:
    """The frozen environment, changed for one test."""

    saved: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **values: Any) -> None:
        for name, value in values.items():
            self.saved.setdefault(name, getattr(env, name))
            object.__setattr__(env, name, value)
        gateways.default.cache_clear()

    def restore(self) -> None:
        self(**self.saved)


@pytest.fixture
def tuned() -> Iterator[Tuned]:
    change = Tuned()
    yield change
    change.restore()


@pytest.fixture
def bank(gateway: GatewayClient, tuned: Tuned) -> GatewayClient:  # noqa: F811
    """The running gateway, which payment is told to use; it loses an answer for longer than payment waits."""
    pool = gateway._http
    tuned(
        gateway_url=f"http://{pool.host}:{pool.port}",
        gateway_key=KEY,
        gateway_timeout_s=HANG_S / 3,
        backoff_cap_s=0.2,
    )
    return gateway


@pytest.fixture(autouse=True)
def as_payment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Background work is payment's; the lease ends within a test's patience."""
    for module in (models, writes):
        monkeypatch.setattr(module, "LEASE", timedelta(seconds=LEASE_S))
    with context.working_as("payment"):
        yield


def authorise(payment_id: UUID | None = None, *, token: str = "tok_always_ok", **changed: Any) -> UUID:
    """Authorise a payment and return its id."""
    payment_id = payment_id or uuid4()
    asked: dict[str, Any] = {
        "order_number": "AAAAAAAAAA",
        "amount": AMOUNT,
        "reference": f"ref-{payment_id}",
        "customer_id": "",
        "email": "guest@example.com",
    }
    services.authorise(payment_id=payment_id, token=token, **asked | changed)
    return payment_id


def captured() -> UUID:
    """A captured payment."""
    payment_id = authorise()
    services.capture(payment_id=payment_id)
    return payment_id


def row(payment_id: UUID) -> Payment:
    found: Payment = Payment.objects.get(pk=payment_id)
    return found


def movements(bank: GatewayClient, payment_id: UUID) -> list[tuple[str, str]]:
    """What the gateway's own books say was done for a payment: (kind, status) in order."""
    return [(line["kind"], line["status"]) for line in bank.books(reference=f"ref-{payment_id}")]


def presented(bank: GatewayClient, payment_id: UUID, kind: Kind) -> int:
    """How often the gateway saw the key of one step."""
    return bank.presented(key_of(kind, payment_id))


def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The result, or the exception, of a call in a thread of its own; its connection goes back to the pool."""
    try:
        with context.working_as("payment"):
            return function(*args, **kwargs)
    except Exception as exc:
        return exc
    finally:
        connection.close()
