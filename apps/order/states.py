"""The states of an order and the one table of transitions between them; the positions of its saga."""

from django.db.models import TextChoices


class State(TextChoices):
    PENDING = "pending"
    CONFIRMED = "confirmed"  # stock is secured and the total authorised
    SHIPPED = "shipped"  # paid, and with the carrier
    DELIVERED = "delivered"
    REJECTED = "rejected"  # never came about; its quote is free again
    CANCELLED = "cancelled"


TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.PENDING}),
    State.PENDING: frozenset({State.CONFIRMED, State.REJECTED}),
    State.CONFIRMED: frozenset({State.SHIPPED, State.CANCELLED}),
    State.SHIPPED: frozenset({State.DELIVERED}),
    State.DELIVERED: frozenset(),
    State.REJECTED: frozenset(),
    State.CANCELLED: frozenset(),
}
ENDED = (State.REJECTED, State.CANCELLED)


class Position(TextChoices):
    """The call that comes next. What each does, and where its answers lead, is ``saga.STEPS``."""

    RESERVE = "reserve"
    AUTHORISE = "authorise"
    SECURE = "secure"
    WINDOW = "window"  # confirmed; may be cancelled until the booking is decided
    BOOK = "book"
    CAPTURE = "capture"
    COMMIT = "commit"
    HAND_OVER = "hand_over"
    # Compensations, in the order in which they follow each other.
    UNBOOK = "unbook"
    RELEASE = "release"
    VOID = "void"
    RELEASE_UNPAID = "release_unpaid"  # nothing was authorised: the only one
    REST = ""


CAPTURED_AT = (Position.COMMIT, Position.HAND_OVER)  # of a confirmed order: the money has been taken


class Reason(TextChoices):
    """Why an order was rejected or cancelled: the slug of the problem its client is shown."""

    OUT_OF_STOCK = "out-of-stock"
    DECLINED = "payment-declined"
    PAYMENT_UNAVAILABLE = "payment-unavailable"  # no decision by the pending deadline
    STOCK_UNAVAILABLE = "stock-unavailable"  # no decision by the pending deadline
    CANCELLED = "cancelled"  # asked for
    CAPTURE_FAILED = "capture-failed"
    CLOSED = "closed"  # by a person, from the admin


class Note(TextChoices):
    """Timeline entries that are no transition."""

    CANCEL_REQUESTED = "cancel-requested"
    PARKED = "parked"
    RETRIED = "retried"
    SETTLED = "settled"  # by hand: what was left to undo is not undone by the saga
    REFUND_REQUESTED = "refund-requested"
    REFUNDED = "refunded"
    REFUND_REFUSED = "refund-refused"
