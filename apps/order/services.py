"""What is done to orders from outside their saga: placing, cancelling, and what a person decides."""

import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.order import moves, saga
from apps.order.models import TERMS, Order, OrderLine, Quote, derived
from apps.order.states import ENDED, Note, Position, Reason, State
from shop import context, wake
from shop.env import env
from shop.transactions import command

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
NUMBER_LENGTH = 10


class QuoteExpired(Exception):
    """The quote no longer holds."""


class QuoteUsed(Exception):
    """There is an order for the quote already, and it was not rejected."""


class TooLateToCancel(Exception):
    """The shipment is booked, or about to be."""


class NotParked(Exception):
    """Nobody waits for a person's decision on this order."""


class MoneyTaken(Exception):
    """The order is paid: it can be retried, and refunded once it is shipped, but not given up."""


class MoneyInDoubt(Exception):
    """The capture was asked for and never answered: it may have happened. Retry it first."""


def place(*, quote: Quote, token: str, reference: str) -> Order:
    """Take up ``quote`` and bring the order as far as the time for it allows.

    ``token`` stands for the buyer's card, ``reference`` is the client's Idempotency-Key. The order
    comes back confirmed, rejected, or pending: then a worker goes on. Raises QuoteExpired, QuoteUsed.
    """
    turn = saga.answering(env.order_budget_s)
    with context.deadline(env.order_budget_s):
        order = open_order(quote=quote, token=token, reference=reference, lease_s=turn.lease_s)
    saga.drive(order, turn)
    return order


@command
def open_order(*, quote: Quote, token: str, reference: str, lease_s: float) -> Order:
    """Write the pending order, leased to its caller. Raises QuoteExpired, QuoteUsed."""
    order_id = uuid4()
    order = Order(
        id=order_id,
        number=_new_number(),
        quote=quote,
        payment_id=derived(order_id, "payment"),
        reservation_id=derived(order_id, "reservation"),
        payment_token=token,
        payment_reference=reference,
        lease_epoch=1,
        **{name: getattr(quote, name) for name in TERMS},
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN,
            {
                "id": order.pk,
                "number": order.number,
                "quote": quote.pk,
                "payment": order.payment_id,
                "reservation": order.reservation_id,
                "shipment": order.shipment_id,
                "token": token,
                "reference": reference,
                "deadline": env.pending_deadline_s,
                "lease": lease_s,
            },
        )
        row = cursor.fetchone()
    if row is None:
        _refuse(quote)
    order.placed_at = order.claimed_at = row[0]
    order.is_new = True
    order.line_items = [_line(order, line) for line in quote.lines]
    return order


def _line(order: Order, quoted: Mapping[str, Any]) -> OrderLine:
    amounts = {name: Decimal(quoted[name]) for name in ("unit_price", "tax_rate", "tax", "total")}
    return OrderLine(order=order, **{**quoted, **amounts})


def _refuse(quote: Quote) -> None:
    if Order.objects.filter(quote=quote).exclude(state=State.REJECTED).exists():
        raise QuoteUsed
    raise QuoteExpired


def _new_number() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(NUMBER_LENGTH))


def access_token(number: str) -> str:
    """What lets a guest see and cancel the order ``number``."""
    return salted_hmac("order.access", number, algorithm="sha256").hexdigest()


def opens(token: str, number: str) -> bool:
    """Whether ``token`` is the one of order ``number``."""
    return constant_time_compare(token, access_token(number))


def cancel(*, order_id: UUID) -> Order:
    """Stop an order that is not booked yet, within the time a client waits; a repeat changes nothing.

    It comes back cancelled, or rejected if it was pending; otherwise the cancellation is under way.
    Raises TooLateToCancel.
    """
    order = request_cancel(order_id=order_id)
    saga.settle(order_id, budget_s=env.order_budget_s)
    return order


@command
def request_cancel(*, order_id: UUID) -> Order:
    """Write the intent. It is decided in the transaction of the saga's next move. Raises TooLateToCancel."""
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state in ENDED or order.cancel_requested:
        return order
    if order.state != State.PENDING and order.step != Position.WINDOW:
        raise TooLateToCancel
    Order.objects.filter(pk=order_id).update(cancel_requested=True, due_at=Now())
    moves.note(order, Note.CANCEL_REQUESTED)
    wake.after_commit("order", "advance")
    return order


@command
def retry(*, order_id: UUID) -> None:
    """Let a parked order try its step again, at once. Raises NotParked."""
    order = _parked(order_id)
    _unpark(order, due_at=Now(), attempts=0, first_unanswered_at=None)
    moves.note(order, Note.RETRIED)
    wake.after_commit("order", "advance")


@command
def close(*, order_id: UUID) -> None:
    """Give up a parked order: it ends, and whatever it may hold is let go.

    Of an order that has ended already, what is left to undo counts as settled by hand. Raises
    NotParked; MoneyTaken once it is captured; MoneyInDoubt while nobody knows whether it is.
    """
    order = _parked(order_id)
    if order.state in ENDED:
        _unpark(order, step=Position.REST, due_at=None)
        moves.note(order, Note.SETTLED, order.parked_reason)
        return
    if saga.STEPS[order.step].undo is None:
        raise MoneyTaken
    if order.step == Position.CAPTURE and order.first_unanswered_at:
        raise MoneyInDoubt
    _unpark(order, due_at=Now())
    saga.record(order, saga.ending(order, Reason.CLOSED), lease_s=0, deferred=True)
    wake.after_commit("order", "advance")


def _parked(order_id: UUID) -> Order:
    order = Order.objects.select_for_update().get(pk=order_id)
    if not order.parked:
        raise NotParked
    return order


def _unpark(order: Order, **changed: object) -> None:
    """A new epoch: what a holder from before still finds out no longer counts."""
    order.lease_epoch += 1
    Order.objects.filter(pk=order.pk).update(
        parked=False, parked_reason="", lease_until=None, lease_epoch=order.lease_epoch, **changed
    )


# Order, lines, fulfilment and timeline, copied from the quote where the data is. Nothing is written
# when the quote has expired, or has an order that stands.
_TERMS = ", ".join(TERMS)
_OPEN = f"""
WITH opened AS (
    INSERT INTO order_order (id, number, quote_id, payment_id, reservation_id, payment_token, payment_reference,
        due_at, deadline_at, lease_until, lease_epoch, {_TERMS})
    SELECT %(id)s, %(number)s, id, %(payment)s, %(reservation)s, %(token)s, %(reference)s,
        clock_timestamp(), clock_timestamp() + make_interval(secs => %(deadline)s),
        clock_timestamp() + make_interval(secs => %(lease)s), 1, {_TERMS}
    FROM order_quote WHERE id = %(quote)s AND expires_at > clock_timestamp()
    ON CONFLICT (quote_id) WHERE state <> 'rejected' DO NOTHING
    RETURNING id, quote_id, placed_at
), lines AS (
    INSERT INTO order_orderline
        (order_id, position, sku, name, quantity, unit_price, tax_class, tax_rate, tax, total)
    SELECT opened.id, line.* FROM opened JOIN order_quote quote ON quote.id = opened.quote_id,
        jsonb_to_recordset(quote.lines) AS line(position smallint, sku text, name text, quantity int,
            unit_price numeric, tax_class text, tax_rate numeric, tax numeric, total numeric)
), fulfilment AS (
    INSERT INTO order_fulfilment (id, order_id) SELECT %(shipment)s, id FROM opened
), entry AS (
    INSERT INTO order_timelineentry (order_id, "to") SELECT id, 'pending' FROM opened
)
SELECT placed_at FROM opened
"""  # noqa: S608  # column names of the model
