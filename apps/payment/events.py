"""What payment tells the others."""

from dataclasses import dataclass

from shop.events.registry import event, personal


@event("payment.changed.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChanged:
    """A payment as it stands after a step that the gateway answered; all that order shows of it.

    Amounts are decimal strings in ``currency``; ``authorised`` is net of voids. ``attempts`` are the
    settled ones, oldest first: ``{"outcome", "code", "at"}``. New fields get defaults.
    """

    payment_id: str
    order_number: str
    status: str
    currency: str
    authorised: str
    captured: str
    refunded: str
    attempts: list[dict[str, str]]


@event("payment.refunded.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded:
    """The gateway has given ``amount`` back. Once per refund, never retracted."""

    payment_id: str
    refund_id: str
    order_number: str
    amount: dict[str, str]
    customer_id: str  # account id; empty for a guest
    email: str = personal()  # a guest's; empty for a customer
