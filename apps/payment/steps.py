"""One step at the gateway: its intent is committed, the call made outside any transaction, the result
written where the lease still holds.

Whoever holds a payment's lease may take its unresolved step, as often as it needs: all repeats go
under the attempt's own key. What nobody answered stays due, and ``reconcile`` goes on until it is known.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.payment import gateways
from apps.payment.events import PaymentChanged, PaymentRefunded
from apps.payment.gateways import Accepted, Answer, Refused, UndefinedAnswer
from apps.payment.models import (
    ACCEPTED,
    Attempt,
    Kind,
    Outcome,
    Payment,
    Refund,
    RefundStatus,
    Status,
    key_of,
)
from apps.payment.writes import postpone, record
from shop import context, wake
from shop.env import env
from shop.errors import NoAnswer
from shop.events.emit import emit
from shop.money import Money
from shop.transactions import command, step

_POLL_S = 0.02  # between two looks at what another holder is doing
_MARGIN_S = 0.1  # of the deadline: time to answer the caller


class InProgress(NoAnswer):
    """Another holder is still at work on the step, or another step is under way."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on ``payment`` (of its ``lease_epoch``), to take the step of ``attempt``."""

    payment: Payment
    attempt: Attempt


def conclude(*, payment_id: UUID, key: str, claim: Claim | None) -> Attempt:
    """The settled attempt ``key``: by one's own ``claim``, by resuming it, or by waiting for its holder.

    Raises NoAnswer, also for a parked payment, and InProgress when the holder is still at work at the deadline.
    """
    end = time.monotonic() + _patience_s()
    while True:
        claim = claim or resume(payment_id=payment_id, key=key)
        if claim is not None and (settled := take(claim)):
            return settled
        claim = None
        attempt: Attempt = Attempt.objects.select_related("payment").get(pk=key)
        if attempt.settled_at is not None:
            return attempt
        if attempt.payment.parked:
            raise NoAnswer("the payment is parked")
        if time.monotonic() >= end:
            raise InProgress(key)
        time.sleep(_POLL_S)


def take(claim: Claim) -> Attempt | None:
    """Take the step; the settled attempt, or None when the lease was lost meanwhile: await its holder.

    Without an answer the step stays due, and one that nobody defined parks the payment. Raises NoAnswer for both.
    """
    try:
        answer = _ask(claim)
    except NoAnswer:
        postpone(claim.payment, claim.attempt.pk)
        raise
    except UndefinedAnswer as exc:
        park(claim=claim, reason=f"{claim.attempt.kind}: {exc}")
        raise NoAnswer("the payment is parked") from exc
    return settle(claim=claim, answer=answer)


def reconcile() -> int:
    """Take one due step of one payment; return how many were due, 0 or 1."""
    payment = Payment.objects.claim_due()
    if payment is None:
        return 0
    attempt = Attempt.objects.unresolved().filter(payment=payment)[0]
    with suppress(NoAnswer):  # it is due again, or parked
        take(Claim(payment, attempt))
    return 1


def resume(*, payment_id: UUID, key: str) -> Claim | None:
    """The lease to take the unresolved step ``key``; None while it is held, or once it is settled or parked."""
    payment = Payment.objects.claim(payment_id, key=key)
    return None if payment is None else Claim(payment, Attempt.objects.get(pk=key))


def _patience_s() -> float:
    left = context.remaining()
    return env.peer_timeout_s if left is None else left - _MARGIN_S


def _ask(claim: Claim) -> Answer:
    payment, attempt = claim.payment, claim.attempt
    gateway, amount = gateways.default(), Money(attempt.amount, payment.currency)
    match Kind(attempt.kind):
        case Kind.AUTHORISE:
            return gateway.authorise(key=attempt.pk, amount=amount, token=payment.token, reference=payment.reference)
        case Kind.CAPTURE:
            authorisation = Attempt.objects.gateway_id(payment, Kind.AUTHORISE)
            return gateway.capture(key=attempt.pk, authorisation=authorisation, amount=amount)
        case Kind.VOID:
            return gateway.void(key=attempt.pk, authorisation=Attempt.objects.gateway_id(payment, Kind.AUTHORISE))
        case Kind.REFUND:
            capture = Attempt.objects.gateway_id(payment, Kind.CAPTURE)
            return gateway.refund(key=attempt.pk, capture=capture, amount=amount)


@command
def settle(*, claim: Claim, answer: Answer) -> Attempt | None:
    """Write what the gateway said, where the lease still holds; None where it does not."""
    payment = Payment.objects.lock_held(claim.payment)
    if payment is None:
        return None
    attempt = claim.attempt
    attempt.payment = payment
    apply, refused = _SETTLERS[Kind(attempt.kind)]
    if isinstance(answer, Accepted):
        attempt.outcome, attempt.gateway_id = ACCEPTED[Kind(attempt.kind)], answer.id
    else:
        attempt.outcome, attempt.code = refused, answer.code
    apply(payment, attempt, answer)
    _tell(payment, attempt, record(payment, attempt))
    if payment.under_way:
        wake.after_commit("payment", "reconcile")
    return attempt


@step
def _authorisation(payment: Payment, attempt: Attempt, answer: Answer) -> None:
    payment.token = ""
    if isinstance(answer, Refused):
        payment.move_to(Status.DECLINED)
        return
    payment.authorised = payment.amount
    if payment.void_requested:
        begin_void(payment)
    else:
        payment.move_to(Status.AUTHORISED)


@step
def _capture(payment: Payment, attempt: Attempt, answer: Answer) -> None:
    if isinstance(answer, Refused):
        payment.move_to(Status.CAPTURE_REFUSED)
        return
    payment.captured = payment.amount
    payment.move_to(Status.CAPTURED)


@step
def _void(payment: Payment, attempt: Attempt, answer: Answer) -> None:
    payment.authorised -= payment.amount
    payment.move_to(Status.VOIDED)


@step
def _refund(payment: Payment, attempt: Attempt, answer: Answer) -> None:
    payment.refunding -= attempt.amount
    if isinstance(answer, Accepted):
        payment.refunded += attempt.amount
    status = RefundStatus.SUCCEEDED if isinstance(answer, Accepted) else RefundStatus.REFUSED
    Refund.objects.filter(attempt=attempt).update(status=status, code=attempt.code)


# What each kind of step does to its payment, and what a refusal of it is called.
_SETTLERS: dict[Kind, tuple[Callable[[Payment, Attempt, Answer], None], Outcome]] = {
    Kind.AUTHORISE: (_authorisation, Outcome.DECLINED),
    Kind.CAPTURE: (_capture, Outcome.REFUSED),
    Kind.VOID: (_void, Outcome.VOIDED),  # never refused
    Kind.REFUND: (_refund, Outcome.REFUSED),
}


@step
def begin_void(payment: Payment) -> None:
    """Intend to void a locked payment; not saved."""
    payment.move_to(Status.VOIDING)
    Attempt.objects.create(key=key_of(Kind.VOID, payment.pk), payment=payment, kind=Kind.VOID, amount=payment.amount)


@command
def park(*, claim: Claim, reason: str) -> None:
    """Leave the step to a person, where the lease still holds; ``services.retry`` takes it up again."""
    Payment.objects.filter(pk=claim.payment.pk, lease_epoch=claim.payment.lease_epoch).update(
        parked_reason=reason[:200], lease_until=None
    )


def _tell(payment: Payment, attempt: Attempt, attempts: list[dict[str, str]]) -> None:
    if payment.status == Status.VOIDING:  # about to be voided, which is the fact to tell
        return
    emit(
        PaymentChanged(
            payment_id=str(payment.pk),
            order_number=payment.order_number,
            status=payment.status,
            currency=payment.currency,
            authorised=_text(payment.authorised, payment),
            captured=_text(payment.captured, payment),
            refunded=_text(payment.refunded, payment),
            attempts=attempts,
        ),
        aggregate=str(payment.pk),
        sequence=payment.version,
    )
    if attempt.outcome == Outcome.REFUNDED:
        emit(
            PaymentRefunded(
                payment_id=str(payment.pk),
                refund_id=str(attempt.refund_id),
                order_number=payment.order_number,
                amount=Money(attempt.amount, payment.currency).json(),
                customer_id=payment.customer_id,
                email=payment.email,
            ),
            aggregate=str(attempt.refund_id),
            sequence=1,
        )


def _text(amount: Decimal, payment: Payment) -> str:
    return Money(amount, payment.currency).json()["amount"]
