"""Lists and searches of large tables: under 300 ms, without a count, and no whole table is read."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shop.identity.models import Account
from tests.scale.plans import LIMIT_S, seconds

pytestmark = pytest.mark.django_db

ROWS = 100_000

_FILL = f"""
INSERT INTO identity_account (id, email, name, password, is_staff, is_superuser, is_active, created_at, staff_roles)
    SELECT gen_random_uuid(), 'c' || n || '@example.com', 'Name ' || n, '', false, false, true,
        now() - n * interval '40 s', '{{}}' FROM generate_series(1, {ROWS}) n;
INSERT INTO order_quote (id, currency, prices_include_tax, shipping_address, shipping_method, shipping_name, subtotal,
    shipping, shipping_tax, tax, total, lines, expires_at)
    VALUES ('{UUID(int=1)}', 'EUR', true, '{{}}', 'standard', 'Standard', 10, 0, 0, 0, 10, '[]', now());
INSERT INTO order_order (id, number, quote_id, state, step, payment_id, reservation_id, payment_reference, placed_at,
    email, currency, prices_include_tax, shipping_address, shipping_method, shipping_name, subtotal, shipping,
    shipping_tax, tax, total)
    SELECT gen_random_uuid(), 'A' || lpad(n::text, 9, '0'), '{UUID(int=1)}', 'rejected', '', gen_random_uuid(),
        gen_random_uuid(), '', now() - n * interval '40 s', 'g' || n || '@example.com', 'EUR', true, '{{}}',
        'standard', 'Standard', 10, 0, 0, 0, 10
    FROM generate_series(1, {ROWS}) n;
INSERT INTO payment_payment (id, order_number, amount, currency, status, reference, customer_id, email, created_at)
    SELECT gen_random_uuid(), 'A' || lpad(n::text, 9, '0'), 10, 'EUR', 'declined', '', '', '',
        now() - n * interval '40 s'
    FROM generate_series(1, {ROWS}) n;
INSERT INTO inventory_warehouse (code, name, priority) VALUES ('big', 'Big', 1);
INSERT INTO inventory_item (sku, available) SELECT 'SKU-' || n, 7 FROM generate_series(1, {ROWS}) n;
INSERT INTO inventory_stock (item_id, warehouse_id, on_hand) SELECT sku, 'big', 7 FROM inventory_item;
INSERT INTO inventory_movement (stock_id, kind, on_hand, reserved) SELECT id, 'receipt', 7, 0 FROM inventory_stock;
INSERT INTO notification_message (id, event_id, kind, email, subject, text, state, about, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'order.confirmed', 'g' || n || '@example.com', 'Order', '', 'sent',
        'A' || lpad(n::text, 9, '0'), now() - n * interval '40 s'
    FROM generate_series(1, {ROWS}) n;
INSERT INTO cart_cart (id, customer_id, touched_at)
    SELECT gen_random_uuid(), gen_random_uuid(), now() - n * interval '40 s' FROM generate_series(1, {ROWS}) n;
INSERT INTO shipping_shipment (id, order_number, tracking_number, method_id, state, version, created_at)
    SELECT gen_random_uuid(), 'A' || lpad(n::text, 9, '0'), 'T' || lpad(n::text, 15, '0'), 'standard', 'delivered', 1,
        now() - n * interval '40 s'
    FROM generate_series(1, {ROWS}) n;
"""
_FILLED = [
    *("identity_account", "order_order", "payment_payment", "notification_message", "cart_cart", "shipping_shipment"),
    *("inventory_item", "inventory_stock", "inventory_movement"),
]

_ORDER = "A000070000"
PATHS = {
    "first page": "/admin/",
    "orders": "/admin/order/order/",
    "orders, page 40": "/admin/order/order/?p=40",
    "orders by number": f"/admin/order/order/?q={_ORDER.lower()}",
    "orders by e-mail": "/admin/order/order/?q=g70000@example.com",
    "orders by state": "/admin/order/order/?state__exact=delivered",
    "orders parked": "/admin/order/order/?parked__exact=1",
    "orders of a day": "/admin/order/order/?placed_at_from=2026-01-01",
    "payments": "/admin/payment/payment/",
    "payments by order": f"/admin/payment/payment/?q={_ORDER}",
    "payments parked": "/admin/payment/payment/?parked=yes",
    "items": "/admin/inventory/item/",
    "items by SKU": "/admin/inventory/item/?q=SKU-7000",
    "items low": "/admin/inventory/item/?level=low",
    "stock by SKU": "/admin/inventory/stock/?q=SKU-70000",
    "movements": "/admin/inventory/movement/",
    "movements by SKU": "/admin/inventory/movement/?q=SKU-70000",
    "messages": "/admin/notification/message/",
    "messages by order": f"/admin/notification/message/?q={_ORDER}",
    "messages parked": "/admin/notification/message/?state__exact=parked",
    "carts": "/admin/cart/cart/",
    "carts by customer": f"/admin/cart/cart/?q={UUID(int=5)}",
    "shipments": "/admin/shipping/shipment/",
    "shipments by tracking number": "/admin/shipping/shipment/?q=T000000000070000",
    "shipments booked": "/admin/shipping/shipment/?state__exact=booked",
    "accounts": "/admin/identity/account/",
    "accounts by e-mail": "/admin/identity/account/?q=c70000@example.com",
    "find an order": f"/admin/find?q={_ORDER}",
    "find an e-mail address": "/admin/find?q=c70000@example.com",
}


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: Any) -> Iterator[Client]:
    """An administrator's session over full tables, which are emptied afterwards."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # no triggers, no foreign keys: it is quick
            cursor.execute(_FILL)
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute(f"ANALYZE {', '.join(_FILLED)}")
        client = Client()
        client.force_login(Account.objects.create_superuser(email="large@example.com", password=None))
        client.get("/admin/")  # the first page loads templates
        yield client
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(_FILLED)}, order_quote CASCADE")
            cursor.execute("DELETE FROM inventory_warehouse WHERE code = 'big'")


@pytest.mark.parametrize("name", sorted(PATHS))
def test_a_list_is_quick(large: Client, name: str) -> None:
    """At most 300 ms; the plans are judged below."""
    took = seconds(large, PATHS[name])
    print(f"\n{name}: {1000 * took:.0f} ms")
    assert took < LIMIT_S


@pytest.mark.parametrize("name", sorted(PATHS))
def test_no_statement_reads_a_whole_table(large: Client, name: str) -> None:
    """By the plans: what scans a large table from end to end has a LIMIT above it; nothing is counted whole."""
    with CaptureQueriesContext(connection) as queries:
        large.get(PATHS[name])
    for query in queries.captured_queries:
        sql = query["sql"]
        if not any(table in sql for table in _FILLED) or not sql.startswith(("SELECT", "WITH")):
            continue
        assert not re.match(r'SELECT COUNT\(\*\) AS "__count" FROM "\w+"( |$)(?!.*LIMIT)', sql), sql
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}".replace("%", "%%"))
            plan = cursor.fetchone()[0][0]["Plan"]
        assert not list(_whole_scans(plan, limited=False)), (sql, plan)


def _whole_scans(node: dict[str, Any], *, limited: bool) -> Iterator[str]:
    """Large tables that a plan reads whole: no LIMIT is above the scan, or below it what needs every row."""
    limited = (limited or node["Node Type"] == "Limit") and node["Node Type"] not in {"Sort", "Aggregate", "Hash"}
    if node["Node Type"] == "Seq Scan" and node["Relation Name"] in _FILLED and not limited:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _whole_scans(child, limited=limited)
