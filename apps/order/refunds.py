"""Giving money back: written first, then asked of payment, which may be asked again at any time."""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

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


class UnitsNotLeft(Exception):
    """More units of a line than were bought and are not given back already."""


def refund(*, order_id: UUID, amount: Money, refund_id: UUID | None = None) -> Refund:
    """Give ``amount`` back, within the time a client waits; without an answer the refund stays pending.

    A repeat with the same ``refund_id`` changes nothing. Raises RefundExceedsCaptured (pending refunds
    included), NothingToRefund, WrongCurrency.
    """
    lease_s = 2 * env.order_budget_s
    made = open_refund(refund_id=refund_id or uuid4(), order_id=order_id, amount=amount, lease_s=lease_s)
    return _answered(made)


def refund_units(*, refund_id: UUID, order_id: UUID, units: Mapping[str, int], shipping: bool) -> Refund:
    """Give back what was paid for ``units`` (SKU -> units), and for shipping where asked; waits as ``refund`` does.

    A repeat with the same id changes nothing. Raises UnitsNotLeft, RefundExceedsCaptured, NothingToRefund.
    """
    made = open_refund_of_units(
        refund_id=refund_id, order_id=order_id, units=units, shipping=shipping, lease_s=2 * env.order_budget_s
    )
    return _answered(made)


def _answered(made: Refund) -> Refund:
    """Asked of payment at once; one that was written before is its first caller's, or a worker's, to ask for."""
    if made.is_new:
        drive(made, timeout_s=env.order_budget_s)
    return made


@command
def open_refund(*, refund_id: UUID, order_id: UUID, amount: Money, lease_s: float) -> Refund:
    """Write the pending refund, leased to its caller. Raises as ``refund`` does."""
    if amount.amount <= 0:
        raise NothingToRefund
    order = Order.objects.select_for_update().get(pk=order_id)
    if amount.currency != order.currency:
        raise WrongCurrency
    if known := order.refunds.filter(pk=refund_id).first():
        return known
    if amount.amount > left_to_refund(order):
        raise RefundExceedsCaptured
    return _write(Refund(pk=refund_id, order=order, shares=_shares(order, amount)), lease_s)


@command
def open_refund_of_units(
    *, refund_id: UUID, order_id: UUID, units: Mapping[str, int], shipping: bool, lease_s: float
) -> Refund:
    """Write the pending refund, leased to its caller. Raises as ``refund_units`` does."""
    order = Order.objects.select_for_update().get(pk=order_id)
    if known := order.refunds.filter(pk=refund_id).first():
        return known
    shares = worth(order, units=units, shipping=shipping)
    total = sum(shares, Decimal(0))
    if total <= 0:
        raise NothingToRefund
    if total > left_to_refund(order):
        raise RefundExceedsCaptured
    asked = {sku: wanted for sku, wanted in units.items() if wanted}
    return _write(Refund(pk=refund_id, order=order, shares=[str(share) for share in shares], units=asked), lease_s)


def _write(made: Refund, lease_s: float) -> Refund:
    """The refund of its shares, due now and leased, with its timeline entry."""
    order = made.order
    made.amount = sum(map(Decimal, made.shares), Decimal(0))
    made.due_at, made.lease_until, made.lease_epoch = Now(), Now() + timedelta(seconds=lease_s), 1
    made.save(force_insert=True)
    made.is_new = True
    detail = " ".join(f"{wanted} x {sku}" for sku, wanted in made.units.items())
    moves.note(order, Note.REFUND_REQUESTED, f"{order.money(made.amount).amount} {order.currency} {detail}".strip())
    return made


def worth(order: Order, *, units: Mapping[str, int], shipping: bool) -> list[Decimal]:
    """What giving back ``units``, and shipping, comes to: an amount per line in their order, then shipping's.

    Of a line of n units, the k-th to be given back is worth the difference of k/n and (k-1)/n of what
    was paid, so that all of them are worth exactly that; and never more than is left of the line.
    Raises UnitsNotLeft.
    """
    *paid, paid_shipping = paid_parts(order)
    *back, back_shipping = given_back(order)
    gone = units_back(order)
    if units.keys() - {line.sku for line in order.line_items}:
        raise UnitsNotLeft
    shares = []
    for line, whole, given in zip(order.line_items, paid, back, strict=True):
        first, last = gone[line.sku], gone[line.sku] + units.get(line.sku, 0)
        if last > line.quantity or last < first:
            raise UnitsNotLeft
        part = order.money(whole * last / line.quantity) - order.money(whole * first / line.quantity)
        shares.append(min(part.amount, whole - given))
    return [*shares, paid_shipping - back_shipping if shipping else Decimal(0)]


def units_back(order: Order) -> Counter[str]:
    """Units by SKU that refunds give back, pending ones included."""
    gone: Counter[str] = Counter()
    for units in order.refunds.exclude(status=RefundStatus.REFUSED).values_list("units", flat=True):
        gone.update(units)
    return gone


def left_to_refund(order: Order) -> Decimal:
    """What was captured and no refund asks for."""
    if not order.is_captured:
        return Decimal(0)
    asked = order.refunds.exclude(status=RefundStatus.REFUSED).aggregate(sum=Sum("amount"))["sum"]
    return Decimal(order.total - (asked or 0))


def _shares(order: Order, amount: Money) -> list[str]:
    """An amount per line, in their order, then one for shipping."""
    shares = pricing.refund_shares(amount, paid=paid_parts(order), refunded=given_back(order))
    return [str(part.amount) for part in shares]


def given_back(order: Order) -> list[Decimal]:
    """What refunds have given back of each part, pending ones included."""
    back = [Decimal(0)] * (len(order.line_items) + 1)
    for shares in order.refunds.exclude(status=RefundStatus.REFUSED).values_list("shares", flat=True):
        back = [sum_ + Decimal(part) for sum_, part in zip(back, shares, strict=True)]
    return back


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
