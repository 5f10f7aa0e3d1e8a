"""Each rule names the row that breaks it; facts are complete and paged."""

from uuid import uuid4

import pytest
from django.db import connection

from apps.shipping import client
from shop.audit import registry, shared
from tests.shipping.conftest import book


def broken(rule: str) -> list[str]:
    """Ids that the rule names."""
    with connection.cursor() as cursor:
        cursor.execute(registry.book_of("shipping").rules[rule])
        return [row[0] for row in cursor.fetchall()]


CORRUPTIONS = {
    "shipment-matches-tracking": [
        "UPDATE shipping_shipment SET state = 'cancelled' WHERE id = %s",
        "UPDATE shipping_shipment SET version = 7 WHERE id = %s",
        "DELETE FROM shipping_trackingentry WHERE shipment_id = %s",
    ],
    "tracking-follows-transitions": [
        "UPDATE shipping_trackingentry SET state = 'in_transit' WHERE shipment_id = %s",
        "INSERT INTO shipping_trackingentry (shipment_id, sequence, state) VALUES (%s, 2, 'delivered')",
    ],
    "shipment-announced": [
        "UPDATE events_event SET aggregate = 'lost' WHERE aggregate = %s",
    ],
}


@pytest.mark.parametrize(("rule", "sql"), [(rule, sql) for rule, all_ in CORRUPTIONS.items() for sql in all_])
def test_a_corrupted_row_is_named(rule: str, sql: str) -> None:
    """By its id, and it alone."""
    book()
    client.cancel(shipment_id=uuid4())
    shipment_id = uuid4()
    book(shipment_id)
    assert broken(rule) == []
    with connection.cursor() as cursor:
        cursor.execute(sql, [str(shipment_id)])
    assert broken(rule) == [str(shipment_id)]


def test_every_rule_is_tested() -> None:
    """A rule that nobody has seen fire proves nothing."""
    own = set(registry.book_of("shipping").rules) - set(shared.rules("shipping"))
    assert own == set(CORRUPTIONS)


def test_facts_name_every_shipment() -> None:
    """In order of id, by page or by id; a tombstone has no order."""
    ids = sorted(uuid4() for _ in range(3))
    for shipment_id in ids[:2]:
        book(shipment_id)
    client.cancel(shipment_id=ids[2])
    read = registry.book_of("shipping").facts["shipments"]
    everything = read(None, "", 10)
    assert everything == [
        {"id": str(ids[0]), "order_number": "ORDER00001", "state": "booked"},
        {"id": str(ids[1]), "order_number": "ORDER00001", "state": "booked"},
        {"id": str(ids[2]), "order_number": "", "state": "cancelled"},
    ]
    assert read(None, str(ids[0]), 1) == everything[1:2]
    assert read([str(ids[2]), "no id"], "", 10) == everything[2:]
