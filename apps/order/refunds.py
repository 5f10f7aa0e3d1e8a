"""Giving money back: written first, then asked of payment, which may be asked again at any time."""

import logging
import time
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Now

from apps.order import leases, moves, pricing
from apps.order.models import Order, Refund, RefundStatus
from apps.order.states import Note
from apps.payment import client as payment
from shop import context, wake
from shop.env import env
from shop.errors import NoAnswer
from shop.money import Money
from shop.transactions import command

logger = logging.getLogger(__name__)

EXCEEDS = "refund-exceeds-captured"  # code of a refund that payment refused for this
BATCH = 10  # refunds of one claim


class RefundExceedsCaptured(Exception):
    """More than what was captured and is neither refunded nor about to be."""


class NothingToRefund(Exception):
    """Not an amount of more than zero."""


class WrongCurrency(Exception):
    """The order was paid in another currency."""


def refund(*, order_id: UUID, amount: Money) -> Refund:
    """Give ``amount`` back, within the time a client waits; without an answer the refund stays pending.

    Raises RefundExceedsCaptured (pending refunds included), NothingToRefund, WrongCurrency.
    """
    made = open_refund(order_id=order_id, amount=amount, lease_s=2 * env.order_budget_s)
    drive(made, timeout_s=env.order_budget_s)
    return made


@command
def open_refund(*, order_id: UUID, amount: Money, lease_s: float) -> Refund:
    """Write the pending refund, leased to its caller. Raises as ``refund`` does."""
    if amount.amount <= 0:
        raise NothingToRefund
    order = Order.objects.select_for_update().get(pk=order_id)
    if amount.currency != order.currency:
        raise WrongCurrency
    if amount.amount > left_to_refund(order):
        raise RefundExceedsCaptured
    made = Refund(
        order=order,
        amount=amount.amount,
        shares=_shares(order, amount),
        due_at=Now(),
        lease_until=Now() + timedelta(seconds=lease_s),
        lease_epoch=1,
    )
    made.save(force_insert=True)
    moves.note(order, Note.REFUND_REQUESTED, f"{amount.amount} {amount.currency}")
    return made


def left_to_refund(order: Order) -> Decimal:
    """What was captured and no refund asks for."""
    if not order.is_captured:
        return Decimal(0)
    asked = order.refunds.exclude(status=RefundStatus.REFUSED).aggregate(sum=Sum("amount"))["sum"]
    return Decimal(order.total - (asked or 0))


def _shares(order: Order, amount: Money) -> list[str]:
    """An amount per line, in their order, then one for shipping."""
    paid = paid_parts(order)
    back = [Decimal(0)] * len(paid)
    for shares in order.refunds.exclude(status=RefundStatus.REFUSED).values_list("shares", flat=True):
        back = [sum_ + Decimal(part) for sum_, part in zip(back, shares, strict=True)]
    return [str(part.amount) for part in pricing.refund_shares(amount, paid=paid, refunded=back)]


def paid_parts(order: Order) -> list[Decimal]:
    """What was paid for each line, tax included, then for shipping; together the order's total."""
    on_top = 0 if order.prices_include_tax else 1
    lines = [line.total + line.tax * on_top for line in order.line_items]
    return [*lines, order.shipping + order.shipping_tax * on_top]


def resume_due() -> int:
    """Ask again for refunds that had no answer; how many were claimed."""
    claimed = leases.claim(Refund, limit=BATCH, lease_s=env.lease_s)
    half = time.monotonic() + env.lease_s / 2  # later ones would be asked under a lease about to end
    for index, each in enumerate(claimed):
        if time.monotonic() > half:
            leases.let_go(claimed[index:])
            break
        drive(each, timeout_s=env.peer_timeout_s)
    return len(claimed)


def drive(refund: Refund, *, timeout_s: float) -> None:
    """Ask payment for a leased refund, and write what it answers, if the lease is still this holder's.

    ``timeout_s`` bounds the question alone: what came of it is written even when no time is left.
    """
    order = refund.order
    try:
        amount = order.money(refund.amount)
        with context.deadline(timeout_s):
            made = payment.refund(refund_id=refund.pk, payment_id=order.payment_id, amount=amount)
    except NoAnswer as exc:
        logger.info("refund %s waits: %s", refund.pk, exc)
        wait(refund=refund)
    except payment.RefundExceedsCaptured:
        conclude(refund=refund, status=RefundStatus.REFUSED, code=EXCEEDS)
    except payment.RefundRefused as exc:
        conclude(refund=refund, status=RefundStatus.REFUSED, code=exc.code)
    except Exception as exc:  # an answer nobody thought of must not stop the other refunds
        logger.exception("refund %s is parked", refund.pk)
        park(refund=refund, reason=f"{exc.__class__.__name__} {exc}")
    else:
        if made.status == RefundStatus.SUCCEEDED:
            conclude(refund=refund, status=RefundStatus.SUCCEEDED)
        else:
            wait(refund=refund)


@command
def conclude(*, refund: Refund, status: RefundStatus, code: str = "") -> None:
    """Write how the refund ended, with its timeline entry."""
    held = Refund.objects.filter(pk=refund.pk, lease_epoch=refund.lease_epoch)
    if not held.update(status=status, code=code[:60], due_at=None, lease_until=None):
        return
    order = refund.order
    what = Note.REFUNDED if status == RefundStatus.SUCCEEDED else Note.REFUND_REFUSED
    moves.note(order, what, f"{order.money(refund.amount).amount} {order.currency} {code}".strip())
    refund.status, refund.code = status, code


@command
def wait(*, refund: Refund) -> None:
    """Ask again later, or leave the refund to a person when payment has been silent for too long."""
    if refund.is_hopeless:
        leases.park(refund, f"no answer since {refund.first_unanswered_at:%Y-%m-%d %H:%M:%S} UTC")
    else:
        leases.postpone(refund)


@command
def park(*, refund: Refund, reason: str) -> None:
    """Leave the refund to a person."""
    leases.park(refund, reason)


@command
def retry(*, refund_id: UUID) -> bool:
    """Ask again, at once, for a parked refund; False when it is not parked."""
    parked = Refund.objects.filter(pk=refund_id, parked=True)
    wake.after_commit("order", "refund")
    return bool(parked.update(parked=False, parked_reason="", due_at=Now(), attempts=0, first_unanswered_at=None))
