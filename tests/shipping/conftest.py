"""Shipping as order sees it: through its client, over the transport of one process."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from apps.shipping import client
from shop import context

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "Main Street 1",
    "line2": "",
    "city": "Berlin",
    "postal_code": "10115",
    "region": "",
    "country": "DE",
}


@pytest.fixture(autouse=True)
def as_order(transactional_db: None) -> Iterator[None]:
    """Calls are order's."""
    with context.working_as("order"):
        yield


def book(shipment_id: UUID | None = None, **changes: Any) -> client.Booked:
    asked: dict[str, Any] = {
        "shipment_id": shipment_id or uuid4(),
        "order_number": "ORDER00001",
        "method": "standard",
        "address": ADDRESS,
        "lines": [{"sku": "LAMP", "name": "Lamp", "quantity": 1}],
        "customer_id": "",
        "email": "ada@example.com",
    }
    return client.book(**asked | changes)


def emitted(shipment_id: UUID) -> list[tuple[str, int]]:
    """Events of a shipment in the outbox, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sequence FROM events_event WHERE aggregate = %s ORDER BY sequence", [str(shipment_id)]
        )
        return list(cursor.fetchall())
