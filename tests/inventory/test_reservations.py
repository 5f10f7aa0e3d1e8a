"""Reservations, through the services they are made of."""

from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.inventory import services
from apps.inventory.models import Movement, MovementKind, Reservation, ReservationLine, ReservationState, Stock
from shop import context
from shop.events.models import Event
from tests.inventory.conftest import available, broken, receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def _counters(sku: str) -> dict[str, tuple[int, int]]:
    rows = Stock.objects.filter(item=sku).values_list("warehouse_id", "on_hand", "reserved")
    return {warehouse: (on_hand, reserved) for warehouse, on_hand, reserved in rows}


def test_every_line_or_none() -> None:
    """One short line refuses them all, names what is missing, and leaves nothing behind."""
    receive("LAMP", 5)
    with pytest.raises(services.OutOfStock) as refusal:
        reserve({"LAMP": 2, "SOFA": 1})
    assert refusal.value.short == {"SOFA": 1}
    assert not Reservation.objects.exists()
    assert available("LAMP") == 5


def test_a_line_is_split_over_warehouses_by_priority() -> None:
    """The lowest priority is drawn on first, the next gives the rest."""
    receive("LAMP", 5, "north")
    receive("LAMP", 3, "main")
    reserve({"LAMP": 4})
    assert _counters("LAMP") == {"main": (3, 3), "north": (5, 1)}
    assert available("LAMP") == 4


def test_a_repeat_returns_the_first_result() -> None:
    """Same id and lines: same expiry, units taken once. Other lines are refused."""
    receive("LAMP", 5)
    first = services.reserve(reservation_id=uuid4(), lines={"LAMP": 2}, lifetime_s=300)
    again = services.reserve(reservation_id=first.pk, lines={"LAMP": 2}, lifetime_s=9)
    assert again.expires_at == first.expires_at
    assert available("LAMP") == 3
    with pytest.raises(services.DifferentLines):
        services.reserve(reservation_id=first.pk, lines={"LAMP": 3}, lifetime_s=300)


def test_release_before_reserve_leaves_a_tombstone() -> None:
    """A reserve that arrives after its own compensation never takes effect."""
    receive("LAMP", 5)
    late = uuid4()
    services.release(reservation_id=late)
    with pytest.raises(services.Superseded):
        services.reserve(reservation_id=late, lines={"LAMP": 1}, lifetime_s=300)
    services.release(reservation_id=late)
    assert available("LAMP") == 5
    assert broken() == set()


def test_release_frees_the_units_once() -> None:
    """Repeats of a release change nothing; nor may the reservation come back."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 2})
    services.release(reservation_id=reservation)
    services.release(reservation_id=reservation)
    assert available("LAMP") == 5
    for refused in (services.secure, services.commit):
        with pytest.raises(services.ReservationGone):
            refused(reservation_id=reservation)
    with pytest.raises(services.Superseded):
        services.reserve(reservation_id=reservation, lines={"LAMP": 2}, lifetime_s=300)


def test_commit_takes_the_units_off_the_shelf_once() -> None:
    """On hand and reserved fall together, once; afterwards there is nothing to release."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 2})
    services.secure(reservation_id=reservation)
    services.commit(reservation_id=reservation)
    services.commit(reservation_id=reservation)
    services.secure(reservation_id=reservation)
    assert _counters("LAMP") == {"main": (3, 0)}
    with pytest.raises(services.AlreadyCommitted):
        services.release(reservation_id=reservation)
    assert broken() == set()


def test_commit_needs_a_secured_reservation() -> None:
    """What may still expire cannot leave the warehouse."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 2})
    with pytest.raises(services.NotSecured):
        services.commit(reservation_id=reservation)
    with pytest.raises(services.ReservationGone):
        services.commit(reservation_id=uuid4())


def test_expiry_frees_what_nobody_secured() -> None:
    """Time up: secure is refused, before and after the units are freed. Secured ones stay."""
    receive("LAMP", 9)
    receive("SOFA", 9)
    kept, waiting = reserve({"LAMP": 1}), reserve({"LAMP": 2})
    services.secure(reservation_id=kept)
    Reservation.objects.filter(pk=kept).update(expires_at="2020-01-01T00:00Z")
    lapsed = [reserve({"LAMP": 2, "SOFA": 1}, lifetime_s=0) for _ in range(2)]
    with pytest.raises(services.ReservationGone):
        services.secure(reservation_id=lapsed[0])
    assert services.expire(limit=1) + services.expire(limit=50) + services.expire() == 2
    with pytest.raises(services.ReservationGone):
        services.secure(reservation_id=lapsed[0])
    assert (available("LAMP"), available("SOFA")) == (6, 9)
    assert Reservation.objects.get(pk=waiting).state == ReservationState.ACTIVE
    assert broken() == set()


def test_one_batch_frees_many_reservations_of_one_sku() -> None:
    """Counters move by the sum, the ledger has an entry for each, and one event tells it."""
    receive("LAMP", 9)
    for units in (1, 2, 3):
        reserve({"LAMP": units}, lifetime_s=0)
    assert services.expire() == 3
    assert _counters("LAMP") == {"main": (9, 0)}
    assert Movement.objects.of_kinds(MovementKind.RELEASE).count() == 3
    assert Event.objects.filter(name="stock.changed.v1").count() == 1 + 3 + 1


def _statements(run: Callable[[], object]) -> int:
    """Statements of a command under a deadline, without the BEGIN and COMMIT around them."""
    with context.deadline(9), CaptureQueriesContext(connection) as captured:
        run()
    return sum(query["sql"] not in {"BEGIN", "COMMIT"} for query in captured)


def _costs(lines: int) -> dict[str, int]:
    """Statements of each command on reservations of ``lines`` lines, some of which run low by it."""
    units = {f"S-{lines}-{index}": 1 for index in range(lines)}
    for sku in units:
        receive(sku, 7)
    shipped, dropped, lapsed = uuid4(), uuid4(), uuid4()

    def reserving(id: UUID, lifetime_s: float = 300) -> Callable[[], object]:
        return partial(services.reserve, reservation_id=id, lines=units, lifetime_s=lifetime_s)

    return {
        "reserve": _statements(reserving(shipped)),
        "secure": _statements(partial(services.secure, reservation_id=shipped)),
        "commit": _statements(partial(services.commit, reservation_id=shipped)),
        "reserve to the reorder point": _statements(reserving(dropped)),
        "release": _statements(partial(services.release, reservation_id=dropped)),
        "reserve for no time": _statements(reserving(lapsed, 0)),
        "expire": _statements(services.expire),
    }


def test_the_same_statements_for_1_and_50_lines() -> None:
    """Rows cost no round trips; the statement that carries the deadline is counted."""
    costs = _costs(1)
    assert _costs(50) == costs
    assert costs == {
        "reserve": 5,
        "secure": 2,
        "commit": 3,
        "reserve to the reorder point": 5,
        "release": 4,
        "reserve for no time": 5,
        "expire": 4,
    }


def test_the_ledger_refuses_changes() -> None:
    """Neither UPDATE nor DELETE, whoever asks."""
    receive("LAMP", 5)
    for statement in ("UPDATE inventory_movement SET on_hand = 6", "DELETE FROM inventory_movement"):
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_reservation_keeps_its_lines_when_it_ends() -> None:
    """They say what it was."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 2})
    services.release(reservation_id=reservation)
    assert ReservationLine.objects.filter(reservation=reservation).count() == 1
