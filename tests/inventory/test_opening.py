"""Opening stock: what an imported catalogue says there is, for SKUs the books know nothing of."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection

from apps.inventory import client, services
from apps.inventory.models import Movement, Warehouse
from shop import context, transport
from shop.transactions import command
from tests.inventory.conftest import available, broken, receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/inventory/internal/opening-stock"


@pytest.fixture
def as_product() -> Iterator[None]:
    """The test calls other roles as role product does."""
    with context.working_as("product"):
        yield


def _receipts() -> list[tuple[str, int, str]]:
    rows = Movement.objects.values_list("stock__item_id", "on_hand", "reference")
    return sorted(rows)


def test_only_skus_without_movements_are_received() -> None:
    """One that sold out, or lies in another warehouse, has its history: a file knows less."""
    receive("SOLD", 1)
    reserve({"SOLD": 1})
    receive("NORTH", 2, "north")
    services.open_stock(units={"SOLD": 9, "NORTH": 9, "NEW": 4, "NEWER": 5})
    opened = [row for row in _receipts() if row[2] == "opening stock"]
    assert opened == [("NEW", 4, "opening stock"), ("NEWER", 5, "opening stock")]
    assert [available(sku) for sku in ("SOLD", "NORTH", "NEW", "NEWER")] == [0, 2, 4, 5]
    assert broken() == set()


def test_a_known_sku_without_movements_is_received() -> None:
    """Asking for its stock made it known; nothing was ever there."""
    _make_known("LAMP")
    services.open_stock(units={"LAMP": 3})
    assert available("LAMP") == 3


@command
def _make_known(sku: str) -> None:
    services.ledger.stock_of(sku, "main")


def test_a_repeat_changes_nothing() -> None:
    """With the same numbers, or with others after a sale."""
    services.open_stock(units={"LAMP": 3})
    services.open_stock(units={"LAMP": 3, "SOFA": 1})
    reserve({"LAMP": 2})
    services.open_stock(units={"LAMP": 7, "SOFA": 7})
    assert (available("LAMP"), available("SOFA")) == (1, 1)


@pytest.mark.parametrize("known", [False, True])
def test_a_concurrent_receipt_is_waited_for(known: bool) -> None:
    """A receipt in flight has moved the SKU once it commits: nothing is opened on top of it."""
    if known:
        _make_known("LAMP")
    waiting: list[Future[None]] = []

    @command
    def receipt(pool: ThreadPoolExecutor) -> None:
        stock = services.ledger.stock_of("LAMP", "main")
        entry = services.ledger.Entry(stock_id=stock, on_hand=2)
        services.ledger.record(services.MovementKind.RECEIPT, [entry], reference="note", actor="")
        waiting.append(pool.submit(_open, "LAMP"))
        _until_somebody_waits()

    with ThreadPoolExecutor(1) as pool:
        receipt(pool)
        waiting[0].result(timeout=10)
    assert _receipts() == [("LAMP", 2, "note")]
    assert broken() == set()


def test_a_receipt_meanwhile_comes_on_top() -> None:
    """The opening stock was there first: both count."""
    waiting: list[Future[None]] = []

    @command
    def opening(pool: ThreadPoolExecutor) -> None:
        services.open_stock.__wrapped__(units={"LAMP": 3})  # type: ignore[attr-defined]
        waiting.append(pool.submit(_receive, "LAMP"))
        _until_somebody_waits()

    with ThreadPoolExecutor(1) as pool:
        opening(pool)
        waiting[0].result(timeout=10)
    assert available("LAMP") == 5
    assert broken() == set()


def _open(sku: str) -> None:
    try:
        services.open_stock(units={sku: 3})
    finally:
        connection.close()


def _receive(sku: str) -> None:
    try:
        receive(sku, 2)
    finally:
        connection.close()


def _until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        for _ in range(100_000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody came to wait")


def test_two_openings_of_the_same_skus_make_one() -> None:
    """Whatever their order; neither is refused."""
    skus = [f"SKU-{number}" for number in range(50)]
    with ThreadPoolExecutor(4) as pool:
        batches = [dict.fromkeys(order, 2) for order in (skus, skus[::-1], skus[25:] + skus[:25], skus)]
        for done in [pool.submit(_open_all, batch) for batch in batches]:
            done.result(timeout=20)
    assert _receipts() == sorted((sku, 2, "opening stock") for sku in skus)
    assert broken() == set()


def _open_all(units: dict[str, int]) -> None:
    try:
        services.open_stock(units=units)
    finally:
        connection.close()


@pytest.mark.usefixtures("as_product")
def test_product_opens_stock_by_batches() -> None:
    """Under the batch's id, which may be sent again."""
    batch = uuid4()
    for _ in range(2):
        client.open_stock(batch_id=batch, units={"LAMP": 3})
    assert available("LAMP") == 3


@pytest.mark.usefixtures("as_product")
@pytest.mark.parametrize(
    "units",
    [{}, {"LAMP": 0}, {"A/B": 1}, {f"SKU-{number}": 1 for number in range(501)}],
    ids=["none", "zero", "path", "many"],
)
def test_a_bad_batch_is_refused_whole(units: dict[str, int]) -> None:
    """400 by field; nothing is received."""
    batch = str(uuid4())
    reply = transport.post("inventory", PATH, json_body={"id": batch, "units": units | {}}, idempotency_key=batch)
    assert (reply.status, list(reply.body["errors"])) == (400, ["units"])
    assert _receipts() == []


@pytest.mark.usefixtures("as_product")
def test_a_batch_needs_its_key() -> None:
    """The header names the batch."""
    body = {"id": str(uuid4()), "units": {"LAMP": 1}}
    assert transport.post("inventory", PATH, json_body=body, idempotency_key=str(uuid4())).status == 400


@pytest.mark.usefixtures("as_product")
def test_without_the_warehouse_nothing_is_received() -> None:
    """An answer, not a failure."""
    Warehouse.objects.filter(pk="main").delete()
    batch = str(uuid4())
    reply = transport.post("inventory", PATH, json_body={"id": batch, "units": {"LAMP": 1}}, idempotency_key=batch)
    assert (reply.status, reply.problem) == (409, "unknown-warehouse")
