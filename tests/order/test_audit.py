"""Each rule names the one row that was corrupted by SQL."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from apps.order import audit
from apps.order.models import Order, Refund
from shop.audit.registry import book_of
from tests.order.test_refunds import refund
from tests.order.world import World, broken, order

ORDER = "UPDATE order_order SET {} WHERE id = %s"
CORRUPTIONS = {
    "state-is-the-timelines": "DELETE FROM order_timelineentry WHERE \"to\" = 'delivered' AND order_id = %s",
    "timeline-follows-transitions": "DELETE FROM order_timelineentry WHERE \"to\" = 'shipped' AND order_id = %s",
    "total-adds-up": ORDER.format("total = total + 1"),
    "lines-add-up": "UPDATE order_orderline SET total = total + 1 WHERE order_id = %s",
    "terms-are-the-quotes": ORDER.format("shipping_method = 'pigeon'"),
    "pending-is-decided": ORDER.format(
        "state = 'pending', step = 'reserve', due_at = now(), deadline_at = now() - interval '1 day'"
    ),
    "unfinished-is-due": ORDER.format("state = 'confirmed'"),
    "shipped-is-delivered": ORDER.format("state = 'shipped'"),
    "token-is-dropped": ORDER.format("payment_token = 'tok_visa'"),
    "refunds-are-captured": "UPDATE order_payment SET captured = 0.01"
    " WHERE id = (SELECT payment_id FROM order_order WHERE id = %s)",
    "order-parked": ORDER.format("parked = TRUE"),
    "one-standing-order-per-quote": "UPDATE order_order SET quote_id = "
    "(SELECT quote_id FROM order_order WHERE id = %s)",
}
REFUND = {
    "refund-shares-add-up": 'UPDATE order_refund SET shares = \'["1.00", "0.00"]\' WHERE id = %s',
    "refund-parked": "UPDATE order_refund SET parked = TRUE WHERE id = %s",
}
UNGUARDED = """
ALTER TABLE order_order DROP CONSTRAINT order_due_unless_at_rest;
ALTER TABLE order_order DROP CONSTRAINT order_open_is_not_at_rest;
DROP INDEX order_one_standing_per_quote;
ALTER TABLE order_orderline DROP CONSTRAINT order_line_total;
"""
GUARDED = """
ALTER TABLE order_order ADD CONSTRAINT order_due_unless_at_rest CHECK ((step = '') = (due_at IS NULL)) NOT VALID;
ALTER TABLE order_order ADD CONSTRAINT order_open_is_not_at_rest
    CHECK (state NOT IN ('pending', 'confirmed') OR step <> '') NOT VALID;
ALTER TABLE order_orderline ADD CONSTRAINT order_line_total CHECK (total = quantity * unit_price) NOT VALID;
"""


@pytest.fixture
def finished(shop: World) -> Order:
    """A delivered order with a refund; a second one beside it, so that a rule that names all is seen."""
    sku = shop.sku(2)
    numbers = [shop.customer().buy({sku: 1}).body["number"] for _ in range(2)]
    for number in numbers:
        shop.reach(number, "delivered")
    assert refund(shop.staff(), numbers[0], "5.00").status == 201
    shop.work(until=lambda: bool(order(numbers[0]).payment.captured))
    return order(numbers[0])


def execute(sql: str, values: Sequence[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize("rule", CORRUPTIONS)
def test_a_corrupted_order_is_named(finished: Order, rule: str) -> None:
    """Silent before, and afterwards the order's id is found under the rule."""
    assert broken() == set()
    execute(UNGUARDED)
    try:
        execute(CORRUPTIONS[rule], [finished.pk])
        assert (rule, str(finished.pk)) in broken()
        if rule != "one-standing-order-per-quote":
            assert {id_ for name, id_ in broken() if name == rule} == {str(finished.pk)}
    finally:
        execute("TRUNCATE order_order, order_quote CASCADE")
        execute(GUARDED)
        execute("CREATE UNIQUE INDEX order_one_standing_per_quote ON order_order (quote_id) WHERE state <> 'rejected'")


@pytest.mark.parametrize("rule", REFUND)
def test_a_corrupted_refund_is_named(finished: Order, rule: str) -> None:
    """The same for refunds."""
    made = Refund.objects.get()
    assert broken() == set()
    execute(REFUND[rule], [made.pk])
    assert broken() == {(rule, str(made.pk))}


def test_every_rule_is_tested() -> None:
    """A new rule comes with its corruption."""
    own = {name for name in book_of("order").rules if not name.startswith("event-")}
    assert own == {*CORRUPTIONS, *REFUND}


def test_facts_are_paged_by_id(finished: Order) -> None:
    """A page begins after an id, or holds exactly the ids asked for; what is no id names nothing."""
    for reader, key in ((audit.payments, finished.payment_id), (audit.reservations, finished.reservation_id)):
        everything = reader(None, "", 10)
        assert [fact["id"] for fact in everything] == sorted(fact["id"] for fact in everything)
        assert reader(None, everything[0]["id"], 10) == everything[1:]
        assert [fact["id"] for fact in reader([str(key), "nonsense"], "", 10)] == [str(key)]
    paid = audit.payments([str(finished.payment_id)], "", 1)[0]
    assert (paid["state"], paid["refunded"], paid["parked"]) == ("delivered", "5.000", False)
    assert audit.shipments([str(finished.shipment_id)], "", 1)[0]["order_number"] == finished.number
    assert (audit.orders(), audit.refunds()) == (0, 0)
