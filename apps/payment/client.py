"""What other roles may ask of payment: the only module of this app that they import."""

from dataclasses import dataclass
from uuid import UUID

from shop import transport
from shop.money import Money


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
    """The payment was voided, perhaps before it ever arrived."""


class AlreadyCaptured(Exception):
    """The money was taken: only a refund gives it back."""


class RefundExceedsCaptured(Exception):
    """With the refunds so far, pending ones included, it is more than was captured."""


class UndefinedAnswer(Exception):
    """An answer that none of these functions defines: what it was about is to be parked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """``status`` is succeeded, or pending: repeat the call with the same id to hear how it ended."""

    id: UUID
    status: str


def authorise(
    *,
    payment_id: UUID,
    order_number: str,
    amount: Money,
    token: str,
    reference: str,
    customer_id: str,
    email: str,
) -> None:
    """Hold ``amount`` on the card behind ``token``; safe to repeat.

    Raises Declined or Superseded, which are answers, or NoAnswer: payment then goes on asking by itself.
    """
    body = {
        "id": str(payment_id),
        "order_number": order_number,
        "amount": amount.json(),
        "token": token,
        "reference": reference,
        "customer_id": customer_id,
        "email": email,
    }
    reply = transport.post("payment", _PAYMENTS, json_body=body, idempotency_key=str(payment_id))
    if reply.problem == "payment-declined":
        raise Declined(reply.body["code"])
    _check(reply)


def capture(*, payment_id: UUID) -> None:
    """Take the whole amount; safe to repeat. Raises CaptureRefused, Superseded, NoAnswer."""
    reply = _change(payment_id, "capture")
    if reply.problem == "capture-refused":
        raise CaptureRefused(reply.body["code"])
    _check(reply)


def void(*, payment_id: UUID) -> None:
    """Let the payment go, whether or not it has arrived; accepted at once. Raises AlreadyCaptured, NoAnswer."""
    reply = _change(payment_id, "void")
    if reply.problem == "already-captured":
        raise AlreadyCaptured
    _check(reply)


def refund(*, refund_id: UUID, payment_id: UUID, amount: Money) -> Refund:
    """Give ``amount`` back; safe to repeat. Raises RefundExceedsCaptured, RefundRefused, NoAnswer."""
    body = {"id": str(refund_id), "payment_id": str(payment_id), "amount": amount.json()}
    reply = transport.post("payment", "/payment/internal/refunds", json_body=body, idempotency_key=str(refund_id))
    if reply.problem == "refund-exceeds-captured":
        raise RefundExceedsCaptured
    if reply.problem == "refund-refused":
        raise RefundRefused(reply.body["code"])
    _check(reply)
    return Refund(id=refund_id, status=reply.body["status"])


_PAYMENTS = "/payment/internal/payments"


def _change(payment_id: UUID, what: str) -> transport.Reply:
    path = f"{_PAYMENTS}/{payment_id}/{what}"
    return transport.post("payment", path, json_body={}, idempotency_key=str(payment_id))


def _check(reply: transport.Reply) -> None:
    if reply.problem == "superseded":
        raise Superseded
    if reply.problem is not None:
        raise UndefinedAnswer(f"{reply.status} {reply.problem}")
