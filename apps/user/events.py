"""What role user tells the others."""

from dataclasses import dataclass

from shop.events.registry import event, personal


@event("account.registered.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegistered:
    """Somebody registered, once per account. Staff accounts are made, not registered: no event."""

    account_id: str
    email: str = personal()
    name: str = personal()
