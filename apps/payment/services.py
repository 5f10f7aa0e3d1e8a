"""What payment does: authorise, capture, void, refund, and take up again what was parked.

Every function may be repeated with the same id at any time: it brings the first result, waits for
whoever is at it, or resumes what was left behind.
"""

from contextlib import suppress
from uuid import UUID

from django.db.models.functions import Now

from apps.payment import steps
from apps.payment.models import Attempt, Kind, Outcome, Payment, Refund, RefundStatus, Status, key_of
from apps.payment.steps import Claim
from apps.payment.steps import InProgress as InProgress
from apps.payment.writes import begin_authorisation, begin_capture
from shop import wake
from shop.errors import NoAnswer
from shop.money import Money
from shop.transactions import command


class UnknownPayment(Exception):
    """No payment has this id."""


class Declined(Exception):
    """The gateway said no; ``code`` in its words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class CaptureRefused(Declined):
    """The gateway will not take what it had authorised."""


class RefundRefused(Declined):
    """The gateway will not give it back."""


class Superseded(Exception):
    """The payment was voided, or its void asked for; perhaps before it ever arrived."""


class AlreadyCaptured(Exception):
    """The money was taken: only a refund gives it back."""


class NotAuthorised(Exception):
    """There is no authorisation to capture."""


class RefundExceedsCaptured(Exception):
    """With the refunds so far, pending ones included, it is more than was captured."""


class ContentDiffers(Exception):
    """The id was used with other content, or the currency is not the payment's."""


def authorise(
    *,
    payment_id: UUID,
    order_number: str,
    amount: Money,
    token: str,
    reference: str,
    customer_id: str,
    email: str,
) -> Payment:
    """Hold ``amount`` at the gateway.

    Raises Declined, Superseded, ContentDiffers; NoAnswer, after which reconciling goes on by itself.
    """
    asked = Payment(
        id=payment_id,
        order_number=order_number,
        amount=amount.amount,
        currency=amount.currency,
        token=token,
        reference=reference,
        customer_id=customer_id,
        email=email,
    )
    claim = _intend_authorisation(asked=asked)
    if claim is None:
        _check_repeated(asked)
    attempt = steps.conclude(payment_id=payment_id, key=key_of(Kind.AUTHORISE, payment_id), claim=claim)
    return _authorised(attempt)


def _check_repeated(asked: Payment) -> None:
    known = Payment.objects.get(pk=asked.pk)
    if known.void_requested or known.status in {Status.VOIDING, Status.VOIDED}:
        raise Superseded
    same = ("order_number", "amount", "currency", "reference", "customer_id", "email")
    if any(getattr(known, name) != getattr(asked, name) for name in same) or known.token not in {"", asked.token}:
        raise ContentDiffers


def _authorised(attempt: Attempt) -> Payment:
    payment: Payment = attempt.payment
    if payment.status == Status.DECLINED:
        raise Declined(attempt.code)
    if payment.status in {Status.VOIDING, Status.VOIDED}:
        raise Superseded
    return payment


@command
def _intend_authorisation(*, asked: Payment) -> Claim | None:
    """None for an id that was seen before."""
    return _claimed(begin_authorisation(asked), Kind.AUTHORISE)


def _claimed(payment: Payment | None, kind: Kind) -> Claim | None:
    """The lease that beginning a step has brought, with its attempt as it was just written."""
    if payment is None:
        return None
    key = key_of(kind, payment.pk)
    attempt = Attempt(key=key, payment=payment, kind=kind, amount=payment.amount, outcome="", code="", gateway_id="")
    return Claim(payment, attempt)


def capture(*, payment_id: UUID) -> Payment:
    """Take the whole amount.

    Raises CaptureRefused, Superseded, NotAuthorised, UnknownPayment; NoAnswer, after which reconciling goes on.
    """
    claim = _intend_capture(payment_id=payment_id)
    if claim is None:
        _check_capturable(payment_id)
    attempt = steps.conclude(payment_id=payment_id, key=key_of(Kind.CAPTURE, payment_id), claim=claim)
    if attempt.outcome == Outcome.REFUSED:
        raise CaptureRefused(attempt.code)
    return attempt.payment


@command
def _intend_capture(*, payment_id: UUID) -> Claim | None:
    """None unless the payment is authorised, and nothing more."""
    return _claimed(begin_capture(payment_id), Kind.CAPTURE)


def _check_capturable(payment_id: UUID) -> None:
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise UnknownPayment
    if payment.void_requested or payment.status in {Status.VOIDING, Status.VOIDED}:
        raise Superseded
    if payment.status in {Status.AUTHORISING, Status.DECLINED}:
        raise NotAuthorised


@command
def void(*, payment_id: UUID) -> None:
    """Let the payment go: accepted at once, and done at the gateway as soon as that answers.

    An unseen id leaves a tombstone, so that a late authorise is superseded. While the authorisation is
    unknown the wish is noted: its key is repeated until known, then voided. Raises AlreadyCaptured;
    InProgress while a capture is unknown.
    """
    payment, unseen = Payment.objects.select_for_update().get_or_create(
        pk=payment_id, defaults={"amount": 0, "status": Status.VOIDED}
    )
    if unseen or payment.status in {Status.VOIDING, Status.VOIDED, Status.DECLINED}:
        return
    if payment.status == Status.CAPTURED:
        raise AlreadyCaptured
    if payment.status == Status.CAPTURING:
        raise InProgress
    if payment.status == Status.AUTHORISING:
        payment.void_requested = True
    else:
        steps.begin_void(payment)
    payment.due_at = Now()
    payment.save(update_fields=["status", "void_requested", "due_at"])
    wake.after_commit("payment", "reconcile")


def refund(*, refund_id: UUID, payment_id: UUID, amount: Money) -> Refund:
    """Give ``amount`` back; pending until the gateway has answered.

    Raises RefundRefused, RefundExceedsCaptured, ContentDiffers, UnknownPayment.
    """
    _intend_refund(refund_id=refund_id, payment_id=payment_id, amount=amount)
    claim = steps.resume(payment_id=payment_id, key=key_of(Kind.REFUND, refund_id))
    if claim is not None:
        with suppress(NoAnswer):  # it stays pending
            steps.take(claim)
    made = Refund.objects.get(pk=refund_id)
    if made.status == RefundStatus.REFUSED:
        raise RefundRefused(made.code)
    return made


@command
def _intend_refund(*, refund_id: UUID, payment_id: UUID, amount: Money) -> None:
    """Count the refund as pending under the payment's lock; a repeat changes nothing."""
    payment = Payment.objects.lock(payment_id)
    if payment is None:
        raise UnknownPayment
    known = Refund.objects.filter(pk=refund_id).first()
    if amount.currency != payment.currency:
        raise ContentDiffers
    if known and (known.payment_id, known.amount) != (payment_id, amount.amount):
        raise ContentDiffers
    if known:
        return
    if payment.refunded + payment.refunding + amount.amount > payment.captured:
        raise RefundExceedsCaptured
    made = Refund.objects.create(id=refund_id, payment=payment, amount=amount.amount)
    key = key_of(Kind.REFUND, refund_id)
    Attempt.objects.create(key=key, payment=payment, refund=made, kind=Kind.REFUND, amount=amount.amount)
    payment.refunding += amount.amount
    payment.due_at = Now()
    payment.save(update_fields=["refunding", "due_at"])


@command
def retry(*, payment_id: UUID) -> bool:
    """Take up a parked payment again, at once; False if it is not parked."""
    taken_up: int = (
        Payment.objects.filter(pk=payment_id)
        .exclude(parked_reason="")
        .update(parked_reason="", due_at=Now(), lease_until=None, tries=0)
    )
    wake.after_commit("payment", "reconcile")
    return bool(taken_up)
