"""What other roles may ask of user: the only module of this app that they import."""

from dataclasses import dataclass
from uuid import UUID

from shop import transport


class UnknownAccount(Exception):
    """There is no such account, or no longer."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a person."""

    email: str
    name: str


def contact(*, account_id: UUID | str) -> Contact:
    """The address and name of an account. Raises UnknownAccount; transport.NoAnswer, which is no answer."""
    reply = transport.get("user", f"/user/internal/accounts/{account_id}/contact")
    if reply.status == 404:
        raise UnknownAccount(account_id)
    return Contact(email=reply.body["email"], name=reply.body["name"])
