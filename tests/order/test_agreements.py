"""What roles must agree on: silent while they do; for each agreement one row corrupted by SQL is named by id."""

import pytest
from django.db import connection

from apps.order.models import Order
from apps.product.models import Level
from shop.audit.agreements import AGREEMENTS
from shop.audit.examine import examine
from tests.order.world import World, order

# Agreement, which id of the order it must name, and the SQL that corrupts one row of one side.
CASES = {
    "order-payment": ("payment", "UPDATE order_order SET total = total + 1"),
    "order-reservation": ("reservation", "UPDATE order_orderline SET sku = 'ANOTHER'"),
    "order-shipment": ("shipment", "UPDATE order_fulfilment SET id = gen_random_uuid()"),
    "catalogue-stock": ("sku", "UPDATE product_level SET available = available + 1"),
    "payment-gateway": (
        "capture",
        "ALTER TABLE payment_entry DISABLE TRIGGER USER;"
        "UPDATE payment_entry SET amount = amount + 1 WHERE kind = 'captured';"
        "ALTER TABLE payment_entry ENABLE TRIGGER USER",
    ),
}


@pytest.fixture
def finished(shop: World) -> Order:
    """One delivered order, all events arrived: everybody agrees."""
    sku = shop.sku(2)
    number = shop.customer().buy({sku: 1}).body["number"]
    shop.reach(number, "delivered")
    shop.work(until=lambda: Level.objects.filter(sku=sku, available=1).exists())
    return order(number)


def named() -> set[tuple[str, str]]:
    """Agreements that are broken, with the ids they name; roles' own rules left out."""
    report = examine(grace_s=0)
    assert report.unread == []
    between = {agreement.name for agreement in AGREEMENTS}
    return {(found.rule, found.id) for found in report.disagreements if found.rule in between}


def test_every_agreement_has_a_case() -> None:
    """An agreement that was never seen to find anything proves nothing."""
    assert set(CASES) == {agreement.name for agreement in AGREEMENTS}


@pytest.mark.parametrize("agreement", CASES)
def test_a_disagreement_is_named(finished: Order, agreement: str) -> None:
    """By the id that both sides have."""
    what, sql = CASES[agreement]
    ids = {
        "payment": str(finished.payment_id),
        "reservation": str(finished.reservation_id),
        "shipment": str(finished.shipment_id),
        "sku": finished.line_items[0].sku,
        "capture": _key_of_capture(),
    }
    before = named()
    assert {rule for rule, _ in before} <= {"payment-gateway"}  # the gateway remembers what other tests' shops paid
    with connection.cursor() as cursor:
        cursor.execute(sql)
    found = named() - before
    assert (agreement, ids[what]) in found
    assert {rule for rule, _ in found} == {agreement}


def _key_of_capture() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT attempt_id FROM payment_entry WHERE kind = 'captured'")
        return str(cursor.fetchone()[0])
