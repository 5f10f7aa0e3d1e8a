"""What role order sees of inventory: through the client, the transport and the internal views."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.inventory import client
from apps.inventory.models import Reservation
from shop import context, transport
from tests.inventory.conftest import available, receive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("as_order")]

PATH = "/inventory/internal/reservations"


def test_a_reservation_from_end_to_end() -> None:
    """Reserve, secure, commit; each may be repeated."""
    receive("LAMP", 5)
    chosen = uuid4()
    made = client.reserve(reservation_id=chosen, lines={"LAMP": 2}, lifetime_s=300)
    assert made == client.reserve(reservation_id=chosen, lines={"LAMP": 2}, lifetime_s=300)
    for command in (client.secure, client.secure, client.commit, client.commit):
        command(reservation_id=chosen)
    assert client.available(skus=["LAMP", "SOFA"]) == {"LAMP": 3, "SOFA": 0}
    with pytest.raises(client.AlreadyCommitted):
        client.release(reservation_id=chosen)


def test_refusals_are_answers() -> None:
    """Each arrives as its own exception, with what the caller needs."""
    receive("LAMP", 5)
    with pytest.raises(client.OutOfStock) as refusal:
        client.reserve(reservation_id=uuid4(), lines={"LAMP": 7, "SOFA": 1}, lifetime_s=300)
    assert refusal.value.short == {"LAMP": 2, "SOFA": 1}
    chosen = uuid4()
    client.release(reservation_id=chosen)
    with pytest.raises(client.Superseded):
        client.reserve(reservation_id=chosen, lines={"LAMP": 1}, lifetime_s=300)
    for command in (client.secure, client.commit):
        with pytest.raises(client.ReservationGone):
            command(reservation_id=chosen)


def test_what_the_contract_does_not_know_is_an_error() -> None:
    """Neither success nor a refusal anybody could act on."""
    receive("LAMP", 5)
    chosen = uuid4()
    client.reserve(reservation_id=chosen, lines={"LAMP": 1}, lifetime_s=300)
    with pytest.raises(RuntimeError, match="not-secured"):
        client.commit(reservation_id=chosen)
    with pytest.raises(RuntimeError, match="different-lines"):
        client.reserve(reservation_id=chosen, lines={"LAMP": 2}, lifetime_s=300)


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": {}},
        {"lines": {"A\x00B": 1}},
        {"lines": {"LAMP": 0}},
        {"lines": {"LAMP": 10**12}},
        {"lines": ["LAMP"]},
        {"lines": {f"S{number}": 1 for number in range(501)}},
        {"lifetime_s": "NaN"},
        {"lifetime_s": -1},
        {"id": "no uuid"},
    ],
)
def test_bad_input_is_400(changed: dict[str, object]) -> None:
    """Whatever another version of a caller may send."""
    body = {"id": str(uuid4()), "lines": {"LAMP": 1}, "lifetime_s": 300} | changed
    reply = transport.post("inventory", PATH, json_body=body, idempotency_key=str(body["id"]))
    assert (reply.status, reply.problem) == (400, "invalid")


def test_commands_need_the_reservations_own_key() -> None:
    """The header names what is made; without it, or with another, nothing happens."""
    receive("LAMP", 5)
    chosen = str(uuid4())
    body = {"id": chosen, "lines": {"LAMP": 1}, "lifetime_s": 300}
    for key in (None, str(uuid4())):
        assert transport.post("inventory", PATH, json_body=body, idempotency_key=key).status == 400
    assert transport.post("inventory", f"{PATH}/{chosen}/release", json_body={}).status == 400
    assert available("LAMP") == 5


def test_a_hundred_skus_are_one_question() -> None:
    """More are refused, none is none."""
    receive("S1", 4)
    assert client.available(skus=[f"S{number}" for number in range(100)])["S1"] == 4
    assert client.available(skus=[]) == {}
    too_many = {"skus": ",".join(f"S{number}" for number in range(101))}
    assert transport.get("inventory", "/inventory/internal/availability", params=too_many).status == 400


def test_a_hot_sku_is_waited_for_until_the_deadline() -> None:
    """Then it is no answer, in bounded time, and nothing was done."""
    receive("LAMP", 5)
    holder = connection.copy()
    with transaction_of(holder), holder.cursor() as cursor:
        cursor.execute("SELECT FROM inventory_item FOR UPDATE")
        with context.deadline(0.3), pytest.raises(transport.NoAnswer):
            client.reserve(reservation_id=uuid4(), lines={"LAMP": 1}, lifetime_s=300)
    assert not Reservation.objects.exists()
    assert available("LAMP") == 5


@contextmanager
def transaction_of(holder: BaseDatabaseWrapper) -> Iterator[None]:
    """A transaction of another client, which never commits."""
    holder.set_autocommit(False)
    try:
        yield
    finally:
        holder.rollback()
        holder.close()
