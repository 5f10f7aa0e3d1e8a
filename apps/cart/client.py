"""What other roles may ask of cart: the only module of this app that they import."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shop import transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The lines (SKU -> units) of a cart; an empty or unknown one has no id."""

    cart_id: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)


def contents(*, customer_id: str, cart_token: str) -> Contents:
    """What is in a customer's cart, or in that of the holder of a token; the other is "". Raises NoAnswer."""
    if not customer_id and not cart_token:
        return Contents()
    reply = transport.post(
        "cart",
        "/cart/internal/contents",
        json_body={"customer_id": customer_id or None, "cart_token": cart_token},
        idempotency_key="contents",  # a question: safe to repeat
    )
    if reply.problem:
        return Contents()  # a token that cannot be one
    return Contents(cart_id=reply.body["cart_id"], lines=reply.body["lines"])
