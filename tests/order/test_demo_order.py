"""The audit's verdict on the start page's demo order, and where neither is offered."""

import psycopg
import pytest
from django.db import connection
from django.test import Client

from apps.payment import gateways
from shop import demo_order
from tests.order.world import Tuned, World, order

pytestmark = pytest.mark.django_db(transaction=True)
AUDIT = "/demo-order/audit"


@pytest.fixture(autouse=True)
def on_a_laptop(tuned: Tuned) -> None:
    tuned(mailbox_url="http://127.0.0.1:1")


def test_the_verdict_is_the_audits(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corrupted row is named. That all is well is seen by tests/browser: this gateway has other tests' books too."""
    monkeypatch.setattr(demo_order, "_GRACE_S", 0.1)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    shop.rest(number)
    shop.reach(number, "delivered")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE order_order SET shipping_method = 'pigeon' WHERE number = %s", [number])
    answer = Client().get(AUDIT)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    found = answer.json()
    assert found["verdict"] == "disagreement"
    named = [line for line in found["disagreements"] if line.startswith("order/")]
    assert named == [f"order/terms-are-the-quotes {order(number).pk}: {named[0].partition(': ')[2]}"], found


def test_books_that_cannot_be_read_are_no_agreement(transactional_db: None, tuned: Tuned) -> None:
    """The payment company does not answer: the verdict says that it is incomplete, and why."""
    tuned(gateway_url="http://127.0.0.1:1")
    gateways.default.cache_clear()
    found = Client().get(AUDIT).json()
    gateways.default.cache_clear()
    assert (found["verdict"], found["disagreements"], len(found["unread"])) == ("incomplete", [], 1), found


def test_one_asks_at_a_time(transactional_db: None) -> None:
    """Whoever comes meanwhile is told when to come again, and gets a verdict then."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as another:
        assert another.execute("SELECT pg_try_advisory_lock(%s)", [demo_order._LOCK]).fetchone() == (True,)
        busy = Client().get(AUDIT)
        assert (busy.status_code, busy["Retry-After"]) == (503, "1")
        assert busy.json()["type"].endswith("audit-running")
    assert Client().get(AUDIT).status_code == 200


def test_it_leaves_the_lock_free(transactional_db: None) -> None:
    """The connection goes back to a pool: a lock left on it would keep everybody out."""
    assert [Client().get(AUDIT).status_code for _ in range(2)] == [200, 200]
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as another:
        assert another.execute("SELECT pg_try_advisory_lock(%s)", [demo_order._LOCK]).fetchone() == (True,)


def test_it_is_for_laptops(transactional_db: None, tuned: Tuned) -> None:
    """Without a mailbox, or where a role serves alone, there is neither a button nor a verdict."""
    assert "Place a demo order" in Client().get("/").text
    tuned(role="order")
    assert Client().get(AUDIT).status_code == 404
    tuned(role=None, mailbox_url="")
    assert Client().get(AUDIT).status_code == 404
    assert "Place a demo order" not in Client().get("/").text
