from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client

from apps.inventory import services
from apps.inventory.audit import levels
from apps.inventory.models import Movement, Warehouse
from shop import context
from shop.audit.registry import book_of
from shop.identity.models import Account

Reserve = Callable[..., UUID]


def receive(sku: str, units: int, warehouse: str = "main") -> Movement:
    """Put units on a shelf."""
    return services.receive(sku=sku, warehouse=warehouse, quantity=units, reference="note", actor="")


def reserve(lines: dict[str, int], *, lifetime_s: float = 300, reservation_id: UUID | None = None) -> UUID:
    """Reserve under a new id, which is returned."""
    chosen = reservation_id or uuid4()
    services.reserve(reservation_id=chosen, lines=lines, lifetime_s=lifetime_s)
    return chosen


def broken() -> set[tuple[str, str]]:
    """(rule, id) of all that the role's rules find."""
    found = set()
    with connection.cursor() as cursor:
        for name, sql in book_of("inventory").rules.items():
            cursor.execute(sql)
            found |= {(name, row[0]) for row in cursor.fetchall()}
    return found


def available(sku: str) -> int:
    """What can still be promised, as the audit tells it."""
    level: int = levels([sku], "", 1)[0]["available"]
    return level


@pytest.fixture(autouse=True)
def warehouses(db: None) -> None:
    """One to fall back on, beside the one that comes with the tables."""
    Warehouse.objects.create(code="north", name="North", priority=200)


@pytest.fixture
def as_order() -> Iterator[None]:
    """The test calls other roles as role order does."""
    with context.working_as("order"):
        yield


@pytest.fixture
def staff(db: None) -> Client:
    """Somebody of the warehouse, signed in."""
    account = Account.objects.create_user(
        email="staff@example.com", password=None, is_staff=True, staff_roles=["warehouse"]
    )
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    """A signed-in administrator."""
    client = Client()
    client.force_login(Account.objects.create_superuser(email="admin@example.com", password="x", name=""))
    return client
