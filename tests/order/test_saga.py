"""The saga under failure: lost leases, lost answers, answers nobody expected; and its table of steps."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from apps.inventory.models import Reservation
from apps.order import leases, saga, services
from apps.order.models import Fulfilment, Order
from apps.order.moves import Move, NoSuchTransition
from apps.order.states import ENDED, TRANSITIONS, Position, Reason, State
from shop import context, faults
from shop.errors import NoAnswer
from shop.events.models import Event
from tests.order.world import Caller, Tuned, World, available, broken, order, timeline
from tests.simulators.servers import GatewayClient

FORWARD = [
    Position.RESERVE,
    Position.AUTHORISE,
    Position.SECURE,
    Position.WINDOW,
    Position.BOOK,
    Position.CAPTURE,
    Position.COMMIT,
    Position.HAND_OVER,
]
STATE_AT = {step: State.PENDING if step in FORWARD[:3] else State.CONFIRMED for step in FORWARD}


@pytest.fixture
def as_order() -> Iterator[None]:
    """The test does order's background work itself."""
    with context.working_as("order"):
        yield


def opened(shop: World, sku: str, token: str = "tok_always_ok") -> Order:
    """A pending order, nothing done yet, whose lease the test holds."""
    quote = services.Quote.objects.get(pk=Caller().quote({sku: 1}).body["id"])
    return services.open_order(quote=quote, token=token, reference=uuid4().hex, lease_s=60)


def turn(deferred: bool = True) -> saga.Turn:
    return saga.Turn(ends=time.monotonic() + 10, lease_s=60, deferred=deferred)


def one_step(order: Order) -> None:
    """What a holder does before it dies: the call of one step, and the write of its answer."""
    move = saga._asked(order, turn())
    assert move
    assert saga._advanced(order, move, turn())


@pytest.mark.parametrize("answered", range(8))
@pytest.mark.parametrize("written", [True, False])
def test_another_worker_goes_on_from_any_step(shop: World, as_order: None, answered: int, written: bool) -> None:
    """A holder dies after a step's call, before or after writing the answer: the order is delivered, once."""
    sku = shop.sku(3)
    dying = opened(shop, sku)
    for _ in range(answered):
        one_step(dying)
    if not written:
        saga._asked(dying, turn())
    Order.objects.filter(pk=dying.pk).update(lease_until=None)  # it lapsed
    shop.reach(dying.number, "delivered")
    assert available(sku) == 2
    assert timeline(dying.number) == ["pending", "confirmed", "shipped", "delivered"]
    assert broken() == set()


def test_a_holder_that_wakes_up_late_changes_nothing(shop: World, as_order: None) -> None:
    """Another worker has the order: neither moves, nor postponements, nor parking of the first one count."""
    late = opened(shop, shop.sku(1))
    Order.objects.filter(pk=late.pk).update(lease_until=None)
    other = leases.claim_one(Order, pk=late.pk, lease_s=60)
    assert other
    before = Order.objects.values().get(pk=late.pk)
    one_move = Move(step=Position.AUTHORISE)
    assert saga._advanced(late, one_move, turn()) is False
    saga.postpone(order=late)
    saga.park(order=late, reason="late")
    leases.let_go([late])
    assert Order.objects.values().get(pk=late.pk) == before
    assert timeline(late.number) == ["pending"]


def test_a_reservation_that_arrives_after_its_release_is_refused(shop: World, as_order: None) -> None:
    """The command was on its way while the order was given up: the tombstone keeps the unit free."""
    sku = shop.sku(1)
    late = opened(shop, sku)
    services.request_cancel(order_id=late.pk)
    Order.objects.filter(pk=late.pk).update(lease_until=None)
    shop.rest(late.number)
    saga._asked(late, turn())  # the call that had been under way; its holder has lost the lease
    assert available(sku) == 1
    done = order(late.number)
    assert (done.state, done.reason, done.parked) == ("rejected", "cancelled", False)


def test_an_expired_reservation_is_out_of_stock(shop: World, as_order: None) -> None:
    """Secure comes too late: rejected, and the authorisation is void."""
    sku = shop.sku(1)
    placed = opened(shop, sku)
    one_step(placed)
    one_step(placed)
    Reservation.objects.filter(pk=placed.reservation_id).update(expires_at="2000-01-01T00:00:00Z")
    saga.drive(placed, turn())
    assert (placed.state, placed.reason, placed.step) == ("rejected", "out-of-stock", "")
    page = shop.staff().get(f"/order/orders/{placed.number}").body
    shop.work(until=lambda: shop.staff().get(f"/order/orders/{placed.number}").body["payment"]["status"] == "voided")
    assert page["reason"] == "out-of-stock"


def test_an_unexpected_answer_parks_the_order(shop: World, as_order: None) -> None:
    """It waits for a person, with the reason; a retry goes on, and closing gives it up."""
    sku = shop.sku(1)
    parked = opened(shop, sku)
    saga.calls.release(parked)  # as if somebody else had: the reservation is superseded
    saga.drive(parked, turn())
    found = order(parked.number)
    assert (found.parked, found.state) == (True, "pending")
    assert found.parked_reason.startswith("reserve: Superseded")
    assert ("order-parked", str(found.pk)) in broken()
    assert shop.advance() == 0
    services.retry(order_id=found.pk)
    assert shop.advance() == 1
    assert order(parked.number).parked
    services.close(order_id=found.pk)
    done = shop.rest(parked.number)
    assert (done.state, done.reason) == ("rejected", "closed")
    assert timeline(parked.number) == ["pending", "parked", "retried", "parked", "rejected"]
    with pytest.raises(services.NotParked):
        services.retry(order_id=found.pk)


def test_a_paid_order_cannot_be_given_up(shop: World, as_order: None) -> None:
    """Once captured, closing would keep the buyer's money."""
    placed = opened(shop, shop.sku(1))
    for _ in range(6):
        one_step(placed)
    assert placed.step == Position.COMMIT
    saga.park(order=placed, reason="test")
    with pytest.raises(services.MoneyTaken):
        services.close(order_id=placed.pk)


def test_silence_for_too_long_parks(shop: World, as_order: None, tuned: Tuned) -> None:
    """A step that was first unanswered longer ago than the limit is left to a person."""
    tuned(park_after_s=0, gateway_timeout_s=0.05, pending_deadline_s=60)
    placed = Caller().buy({shop.sku(1): 1}, "tok_unavailable")
    shop.work(until=lambda: order(placed.body["number"]).parked)
    assert order(placed.body["number"]).parked_reason.startswith("authorise: no answer since")


def test_a_refused_capture_cancels(shop: World, as_order: None, gateway: GatewayClient) -> None:
    """The money is gone when it is to be taken: booking cancelled, units free, the buyer told."""
    sku = shop.sku(1)
    placed = opened(shop, sku)
    for _ in range(5):
        one_step(placed)
    held = gateway.books(reference=placed.payment_reference)[0]["authorisation"]
    assert gateway.void(held).status == 201
    saga.drive(placed, turn())
    done = shop.rest(placed.number)
    assert (done.state, done.reason) == ("cancelled", "capture-failed"), done.parked_reason
    assert available(sku) == 1
    shop.work(until=lambda: Fulfilment.objects.get(order=placed).status == "cancelled")


def test_a_holder_that_lost_its_lease_writes_nothing(shop: World, as_order: None) -> None:
    """What it learned comes too late, even where the order is still where it left it: another holder has it now."""
    placed = opened(shop, shop.sku(1))
    move = saga._asked(placed, turn())
    assert move
    Order.objects.filter(pk=placed.pk).update(lease_epoch=placed.lease_epoch + 1)
    assert not saga.advance(order=placed, move=move, turn=turn())
    saga.park(order=placed, reason="too late")
    saga.postpone(order=placed)
    found = order(placed.number)
    assert (found.step, found.parked, found.attempts) == (Position.RESERVE, False, 0)


def test_a_slow_order_leaves_the_rest_of_its_batch_to_others(
    shop: World, as_order: None, tuned: Tuned, tmp_path: Path
) -> None:
    """Once half of the lease is gone: a later one would be driven under a lease about to end."""
    placed = [opened(shop, shop.sku(1)) for _ in range(2)]
    saga.leave(placed)
    tuned(faults=tmp_path, lease_s=4)
    faults.file_of(tmp_path, "command:order.saga.advance:before").write_text("delay 2.1")
    assert shop.advance() == 2
    untouched = [each for each in map(order, (each.number for each in placed)) if each.step == Position.RESERVE]
    assert [each.lease_until for each in untouched] == [None]
    for each in placed:
        shop.rest(each.number)


def test_what_there_is_no_time_for_is_anybodys(shop: World, as_order: None, tuned: Tuned) -> None:
    """A turn that is over is let go untouched, and due at once."""
    placed = [opened(shop, shop.sku(1)) for _ in range(2)]
    saga.drive(placed[0], saga.Turn(ends=0, lease_s=60, deferred=True))
    saga.leave(placed[1:])
    tuned(lease_s=0)
    assert shop.advance() == 2
    assert [(order(each.number).step, order(each.number).lease_until) for each in placed] == [("reserve", None)] * 2
    tuned(lease_s=2)
    for each in placed:
        shop.rest(each.number)


def test_nobody_waits_for_another_beyond_its_budget(shop: World, as_order: None) -> None:
    """A client whose order somebody else is working on gets its answer in time, and the order stays theirs."""
    placed = opened(shop, shop.sku(1))
    began = time.monotonic()
    saga.settle(placed.pk, budget_s=0.1)
    assert 0.1 <= time.monotonic() - began < 5
    found = order(placed.number)
    assert (found.step, found.lease_epoch) == ("reserve", placed.lease_epoch)


def test_an_order_is_not_parked_for_its_own_database(shop: World, as_order: None) -> None:
    """A lost connection is no answer of anybody: the lease runs out, and somebody goes on."""
    placed = opened(shop, shop.sku(1))
    saga.leave([placed])
    held = leases.claim_one(Order, pk=placed.pk, lease_s=60)
    assert held
    _lose_the_connection()
    try:
        with pytest.raises((OperationalError, InterfaceError)):
            saga.drive(held, turn())
    finally:
        connection.close()
    found = order(placed.number)
    assert (found.parked, found.step, found.attempts) == (False, "reserve", 0)
    Order.objects.filter(pk=placed.pk).update(lease_until=Now())
    assert shop.rest(placed.number).parked is False


def _lose_the_connection() -> None:
    settings = connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
    with psycopg.connect(**settings, autocommit=True) as another:
        another.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])


def test_an_order_whose_capture_is_in_doubt_cannot_be_given_up(shop: World, as_order: None) -> None:
    """The money may have been taken: it is asked for again first, and only then decided."""
    placed = opened(shop, shop.sku(1))
    for _ in range(5):
        one_step(placed)
    Order.objects.filter(pk=placed.pk).update(first_unanswered_at=Now(), parked=True)
    with pytest.raises(services.MoneyInDoubt):
        services.close(order_id=placed.pk)
    services.retry(order_id=placed.pk)
    Order.objects.filter(pk=placed.pk).update(parked=True)
    services.close(order_id=placed.pk)
    assert order(placed.number).state == State.CANCELLED


def test_a_superseded_capture_parks(shop: World, as_order: None) -> None:
    """Voided behind the order's back: no answer the design knows, so a person decides."""
    placed = opened(shop, shop.sku(1))
    for _ in range(5):
        one_step(placed)
    saga.calls.void(placed)
    saga.drive(placed, turn())
    assert order(placed.number).parked_reason.startswith("capture: Superseded")


@pytest.mark.parametrize(("deferred", "said"), [(True, True), (False, False)])
def test_a_rejection_says_whether_a_mail_is_owed(shop: World, as_order: None, deferred: bool, said: bool) -> None:
    """A client who was told at once needs no mail; one who was told "later" does."""
    declined = opened(shop, shop.sku(1), "tok_declined")
    saga.drive(declined, turn(deferred))
    event = Event.objects.get(aggregate=str(declined.pk), name="order.rejected.v1")
    assert (event.payload["deferred"], event.payload["reason"]) == (said, "payment-declined")


def test_every_step_leads_somewhere() -> None:
    """From each step, by each answer, the saga comes to rest; forward steps end in shipped."""
    for first in saga.STEPS:
        step, seen = Position(first), set()
        while step != Position.REST:
            assert step not in seen, f"{first} goes round in circles"
            seen.add(step)
            step = saga.STEPS[step].then.step


def test_states_change_by_the_table_alone() -> None:
    """Every move that any step can make is a transition of the table, from the state the step is in."""
    for step in FORWARD:
        row, state = saga.STEPS[step], STATE_AT[step]
        ends = [refusal(_Refusal()) for refusal in row.refusals.values()]
        for move in [row.then, *ends]:
            assert move.state is None or move.state in TRANSITIONS[state], (step, move)
        if row.undo:
            ended = saga.ending(Order(state=state, step=step), Reason.CANCELLED)
            assert ended.state in TRANSITIONS[state]
            assert ended.state in ENDED


class _Refusal:
    short: dict[str, int] = {}
    code = "x"


@given(st.sampled_from(State), st.sampled_from(State))
def test_no_other_transition_is_written(before: State, after: State) -> None:
    """Refused before anything is asked of the database."""
    if after in TRANSITIONS[before]:
        return
    from apps.order import moves

    connection.in_atomic_block, saved = True, connection.in_atomic_block
    try:
        with pytest.raises(NoSuchTransition):
            moves.write(Order(state=before), Move(step=Position.REST, state=after), lease_s=1, unless_cancelled=False)
    finally:
        connection.in_atomic_block = saved


def test_a_timeline_entry_commits_with_its_transition(
    shop: World, as_order: None, tuned: Tuned, tmp_path: Path
) -> None:
    """The event cannot be written: neither the state nor the timeline has changed."""
    placed = opened(shop, shop.sku(1))
    one_step(placed)
    one_step(placed)
    tuned(faults=tmp_path)
    (tmp_path / "emit:order.confirmed.v1").write_text("lose")
    with pytest.raises(NoAnswer):
        saga.drive(placed, turn())
    assert order(placed.number).state == "pending"
    assert timeline(placed.number) == ["pending"]
