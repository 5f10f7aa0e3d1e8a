"""Whatever the sequence of commands, the books agree and nothing goes below zero."""

import contextlib
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.inventory import services
from apps.inventory.models import HOLDING, REACHED_FROM, MovementKind, Reservation, ReservationState, Stock
from tests.inventory.conftest import broken, receive

pytestmark = pytest.mark.django_db(transaction=True)

REFUSALS = (
    services.OutOfStock,
    services.Superseded,
    services.DifferentLines,
    services.ReservationGone,
    services.NotSecured,
    services.AlreadyCommitted,
    services.UnitsReserved,
)
SKUS = ("A", "B")

_lines = st.dictionaries(st.sampled_from(SKUS), st.integers(1, 4), min_size=1)
_which = st.integers(0, 3)
_steps = st.one_of(
    st.tuples(st.just("reserve"), _which, _lines, st.sampled_from([0, 300])),
    st.tuples(st.sampled_from(["secure", "commit", "release"]), _which),
    st.tuples(st.just("expire")),
    st.tuples(st.just("adjust"), st.sampled_from(SKUS), st.sampled_from(["main", "north"]), st.sampled_from([-3, 2])),
)


def _do(step: tuple[object, ...], ids: list[UUID], names: dict[str, str]) -> None:
    match step:
        case ("reserve", int(which), dict(lines), int(lifetime_s)):
            named = {names[sku]: units for sku, units in lines.items()}
            services.reserve(reservation_id=ids[which], lines=named, lifetime_s=lifetime_s)
        case (str(command), int(which)):
            getattr(services, command)(reservation_id=ids[which])
        case ("adjust", str(sku), str(warehouse), int(delta)):
            services.adjust(
                kind=MovementKind.ADJUSTMENT,
                sku=names[sku],
                warehouse=warehouse,
                delta=delta,
                reason="count",
                actor="",
            )
        case ("expire",):
            services.expire()


def _states(ids: list[UUID]) -> dict[UUID, str]:
    return dict(Reservation.objects.filter(pk__in=ids).values_list("pk", "state"))


def _legal(before: str | None, after: str | None) -> bool:
    if before == after:
        return True
    if before is None:
        return after in {ReservationState.ACTIVE, ReservationState.RELEASED}
    return after is not None and before in REACHED_FROM.get(ReservationState(after), ())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_steps, max_size=14))
def test_any_sequence_keeps_the_books(steps: list[tuple[object, ...]]) -> None:
    """Ledger sums equal counters, reserved equals the lines held, 0 <= reserved <= on hand; states move legally."""
    ids = [uuid4() for _ in range(4)]
    names = {sku: f"{sku}-{uuid4().hex[:8]}" for sku in SKUS}
    for sku in names.values():
        receive(sku, 4, "main")
        receive(sku, 3, "north")
    for step in steps:
        before = _states(ids)
        with contextlib.suppress(*REFUSALS):
            _do(step, ids, names)
        after = _states(ids)
        assert all(_legal(before.get(id), after.get(id)) for id in ids), step
    assert broken() == set()


def test_a_refused_command_changes_nothing() -> None:
    """From each state, the commands it does not allow leave counters and state as they were."""
    receive("A", 9)
    for state in ReservationState:
        reservation = _in_state(state)
        held = Stock.objects.get(item="A")
        for name in ("secure", "commit", "release"):
            with contextlib.suppress(*REFUSALS):
                if state not in HOLDING:
                    getattr(services, name)(reservation_id=reservation)
        now = Stock.objects.get(item="A")
        assert (now.on_hand, now.reserved) == (held.on_hand, held.reserved)
        assert Reservation.objects.get(pk=reservation).state == state


def _in_state(state: ReservationState) -> UUID:
    chosen = uuid4()
    lifetime_s = 0 if state == ReservationState.EXPIRED else 300
    services.reserve(reservation_id=chosen, lines={"A": 1}, lifetime_s=lifetime_s)
    if state in {ReservationState.SECURED, ReservationState.COMMITTED}:
        services.secure(reservation_id=chosen)
    if state == ReservationState.COMMITTED:
        services.commit(reservation_id=chosen)
    if state == ReservationState.RELEASED:
        services.release(reservation_id=chosen)
    if state == ReservationState.EXPIRED:
        services.expire()
    return chosen
