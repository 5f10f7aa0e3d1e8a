"""The order saga: what an order asks of the other roles, one call after the other, until it is at rest.

``STEPS`` is the whole of it. The intent of a call is committed before the call, its answer together
with the intent of the next. Each call carries an id derived from the order, so anyone may repeat it
at any time; an order is worked on under a lease, and what a holder finds out is written only while
the lease is still its own.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now

from apps.order import calls, leases, moves, projections
from apps.order.events import OrderCancelled, OrderConfirmed, OrderRejected
from apps.order.models import UNDECIDED, Order
from apps.order.moves import Move
from apps.order.states import ENDED, Note, Position, Reason, State
from shop import context, wake
from shop.env import env
from shop.errors import NoAnswer
from shop.events.emit import emit
from shop.transactions import command, step

logger = logging.getLogger(__name__)

BATCH = 10  # orders of one claim: few enough to be driven within a lease

_PAUSE_S = 0.02  # between looks at an order that another request is working on


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call, and where each answer to it leads; an answer that is not listed parks the order.

    Without a ``call`` there is nothing to ask: ``then`` is decided as soon as the step is due.
    ``undo`` is the first compensation if the order ends at this step instead (None: it is too late),
    ``overdue`` the reason if that is for want of an answer.
    """

    call: Callable[[Order], None] | None
    then: Move
    refusals: Mapping[type[Exception], Callable[[Any], Move]] = field(default_factory=dict)
    undo: Position | None = None
    overdue: Reason | None = None


def _out_of_stock(refusal: calls.OutOfStock) -> Move:
    # Released all the same: an earlier try, thought lost, may still arrive and find units.
    return _rejection(Position.RELEASE_UNPAID, Reason.OUT_OF_STOCK, short=refusal.short)


def _declined(refusal: calls.Declined) -> Move:
    return _rejection(Position.RELEASE_UNPAID, Reason.DECLINED, code=refusal.code)


def _reservation_gone(_: Exception) -> Move:
    return _rejection(Position.VOID, Reason.OUT_OF_STOCK)


def _capture_refused(refusal: calls.CaptureRefused) -> Move:
    return Move(
        step=Position.UNBOOK, state=State.CANCELLED, reason=Reason.CAPTURE_FAILED, refusal={"code": refusal.code}
    )


def _rejection(step: Position, reason: Reason, **refusal: Any) -> Move:
    return Move(step=step, state=State.REJECTED, reason=reason, refusal=refusal)


STEPS: Mapping[str, Step] = {
    Position.RESERVE: Step(
        call=calls.reserve,
        then=Move(step=Position.AUTHORISE),
        refusals={calls.OutOfStock: _out_of_stock},
        undo=Position.RELEASE_UNPAID,
        overdue=Reason.STOCK_UNAVAILABLE,
    ),
    Position.AUTHORISE: Step(
        call=calls.authorise,
        then=Move(step=Position.SECURE),
        refusals={calls.Declined: _declined},
        undo=Position.RELEASE,
        overdue=Reason.PAYMENT_UNAVAILABLE,
    ),
    Position.SECURE: Step(
        call=calls.secure,
        then=Move(step=Position.WINDOW, state=State.CONFIRMED),
        refusals={calls.ReservationGone: _reservation_gone},
        undo=Position.RELEASE,
        overdue=Reason.STOCK_UNAVAILABLE,
    ),
    Position.WINDOW: Step(call=None, then=Move(step=Position.BOOK), undo=Position.RELEASE),
    Position.BOOK: Step(call=calls.book, then=Move(step=Position.CAPTURE), undo=Position.UNBOOK),
    Position.CAPTURE: Step(
        call=calls.capture,
        then=Move(step=Position.COMMIT),
        refusals={calls.CaptureRefused: _capture_refused},
        undo=Position.UNBOOK,
    ),
    Position.COMMIT: Step(call=calls.commit, then=Move(step=Position.HAND_OVER)),
    Position.HAND_OVER: Step(call=calls.hand_over, then=Move(step=Position.REST, state=State.SHIPPED)),
    # Compensations: repeated until they are answered.
    Position.UNBOOK: Step(call=calls.unbook, then=Move(step=Position.RELEASE)),
    Position.RELEASE: Step(call=calls.release, then=Move(step=Position.VOID)),
    Position.VOID: Step(call=calls.void, then=Move(step=Position.REST)),
    Position.RELEASE_UNPAID: Step(call=calls.release, then=Move(step=Position.REST)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One holder's time with an order: until ``ends`` (time.monotonic), under leases of ``lease_s``.

    ``deferred``: the client is not waiting for the outcome.
    """

    ends: float
    lease_s: float
    deferred: bool

    @property
    def left_s(self) -> float:
        return self.ends - time.monotonic()


def answering(budget_s: float) -> Turn:
    """The turn of a request whose client waits for the outcome, for ``budget_s`` at most."""
    # Twice the budget: the last call ends with the budget, what it brought has yet to be written.
    return Turn(ends=time.monotonic() + budget_s, lease_s=2 * env.order_budget_s, deferred=False)


def drive(order: Order, turn: Turn) -> None:
    """Take a leased order as far as it goes: to rest, to a wait, to a call without an answer, or to the turn's end."""
    while order.step != Position.REST:
        if turn.left_s <= 0:
            leave([order])
            return
        move = _interruption(order) or _asked(order, turn)
        if move is None or not _advanced(order, move, turn) or move.pauses:
            return


def advance_due() -> int:
    """Claim a batch of due orders and drive each; how many were claimed. Any number of workers may run."""
    claimed = leases.claim(Order, limit=BATCH, lease_s=env.lease_s)
    if len(claimed) == BATCH:
        wake.send("order", "advance")  # there may be more: let another thread begin
    half = time.monotonic() + env.lease_s / 2  # later ones would be driven under a lease about to end
    for index, order in enumerate(claimed):
        if time.monotonic() > half:
            leave(claimed[index:])
            break
        drive(order, Turn(ends=time.monotonic() + env.lease_s, lease_s=env.lease_s, deferred=True))
    return len(claimed)


def settle(order_id: UUID, *, budget_s: float) -> None:
    """See that an order is decided, or a requested cancellation is, within ``budget_s``.

    Waits for whoever is working on it, and otherwise works on it here.
    """
    turn = answering(budget_s)
    while _is_worked_on(order_id):
        if turn.left_s <= 0:
            return
        time.sleep(_PAUSE_S)
    order = leases.claim_one(Order, pk=order_id, lease_s=turn.lease_s, only=UNDECIDED)
    if order:
        drive(order, turn)


def _is_worked_on(order_id: UUID) -> bool:
    return Order.objects.undecided().filter(pk=order_id, lease_until__gt=Now()).exists()


@command
def leave(orders: list[Order]) -> None:
    """Let other workers have the rest of the work at once."""
    leases.let_go(orders)
    wake.after_commit("order", "advance")


def _interruption(order: Order) -> Move | None:
    """The end of an order that was cancelled, or took too long, before its next call."""
    overdue = STEPS[order.step].overdue
    if order.cancel_requested and _can_be_cancelled(order):
        return ending(order, Reason.CANCELLED)
    if order.state == State.PENDING and order.is_overdue and overdue:
        return ending(order, overdue)
    return None


def _can_be_cancelled(order: Order) -> bool:
    return order.state == State.PENDING or order.step == Position.WINDOW


def ending(order: Order, reason: Reason) -> Move:
    """How an order ends that stops where it is. Raises ValueError once its money has been taken."""
    undo = STEPS[order.step].undo
    if undo is None:
        raise ValueError(f"{order.number} is past the point of no return")
    return Move(step=undo, state=State.REJECTED if order.state == State.PENDING else State.CANCELLED, reason=reason)


def _asked(order: Order, turn: Turn) -> Move | None:
    """Make the step's call; None where the order has to wait for a repeat, or for a person."""
    this = STEPS[order.step]
    if this.call is None:
        return this.then
    try:
        with context.deadline(turn.left_s):
            this.call(order)
    except NoAnswer as exc:
        _unanswered(order, exc)
        return None
    except (OperationalError, InterfaceError):  # the order's own database, not an answer: the lease runs out
        raise
    except Exception as exc:  # a refusal, or what nobody thought of: it must not stop the other orders
        if type(exc) in this.refusals:
            return this.refusals[type(exc)](exc)
        logger.exception("order %s is parked at %s", order.number, order.step)
        park(order=order, reason=f"{order.step}: {exc.__class__.__name__} {exc}")
        return None
    return this.then


def _unanswered(order: Order, exc: NoAnswer) -> None:
    if order.is_hopeless:
        park(order=order, reason=f"{order.step}: no answer since {order.first_unanswered_at:%Y-%m-%d %H:%M:%S} UTC")
    else:
        postpone(order=order)
        logger.info("order %s waits at %s: %s", order.number, order.step, exc)


@command
def postpone(*, order: Order) -> None:
    """Try the step again later."""
    leases.postpone(order)


@command
def park(*, order: Order, reason: str) -> None:
    """Leave the order to a person, if the lease is still this holder's."""
    if leases.park(order, reason):
        moves.note(order, Note.PARKED, reason)


def _advanced(order: Order, move: Move, turn: Turn) -> bool:
    """Whether the holder may go on: the move is written, or a cancellation came before it."""
    if not advance(order=order, move=move, turn=turn):
        order.cancel_requested = _is_cancelled_meanwhile(order)
        return order.cancel_requested
    order.step, order.attempts, order.first_unanswered_at = move.step, 0, None
    if move.state:
        order.reason, order.refusal = move.reason or "", dict(move.refusal)
        if order.state != State.DELIVERED:  # its parcel may have been faster than the answer
            order.state = move.state
    return True


def _is_cancelled_meanwhile(order: Order) -> bool:
    held = Order.objects.filter(pk=order.pk, lease_epoch=order.lease_epoch, cancel_requested=True)
    return _can_be_cancelled(order) and held.exists()


@command
def advance(*, order: Order, move: Move, turn: Turn) -> bool:
    """Write a move and its event. False, and nothing, where the lease was lost or a cancellation came first."""
    return record(order, move, lease_s=turn.lease_s, deferred=turn.deferred)


@step
def record(order: Order, move: Move, *, lease_s: float, deferred: bool) -> bool:
    """The same, within the caller's transaction."""
    may_be_overtaken = _can_be_cancelled(order) and move.state not in ENDED
    entry = moves.write(order, move, lease_s=lease_s, unless_cancelled=may_be_overtaken)
    if entry is None:
        return False
    if move.state == State.SHIPPED:
        projections.deliver(order)
    elif move.state:
        emit(_event(order, move, deferred), aggregate=str(order.pk), sequence=entry)
    return True


def _event(order: Order, move: Move, deferred: bool) -> OrderConfirmed | OrderRejected | OrderCancelled:
    who = {"order_number": order.number, "customer_id": order.customer, "email": order.email}
    if move.state == State.REJECTED:
        return OrderRejected(**who, reason=str(move.reason), deferred=deferred)
    if move.state == State.CANCELLED:
        return OrderCancelled(**who, reason=str(move.reason))
    lines = [{"sku": line.sku, "name": line.name, "quantity": line.quantity} for line in order.line_items]
    return OrderConfirmed(**who, cart_id=order.cart_id, lines=lines, total=order.money(order.total).json())
