"""Test cards: which token is authorised, which is declined, and which loses its answer."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Behaviour(StrEnum):
    """How the gateway's own machinery treats the first request for an authorisation."""

    ANSWERS = "answers"
    HANGS = "hangs"  # commits, then never answers
    UNAVAILABLE = "unavailable"  # 503 for a while, then commits


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the issuer says to one authorisation: ``decline_code`` is None where it agrees."""

    decline_code: str | None = None
    behaviour: Behaviour = Behaviour.ANSWERS

    @property
    def status(self) -> str:
        return "declined" if self.decline_code else "authorised"


VISA = "tok_visa"

FIXED = {
    "tok_always_ok": Outcome(),
    "tok_declined": Outcome("card_declined"),
    "tok_insufficient_funds": Outcome("insufficient_funds"),
    "tok_timeout_then_ok": Outcome(behaviour=Behaviour.HANGS),
    "tok_unavailable": Outcome(behaviour=Behaviour.UNAVAILABLE),
}


def outcome(*, token: str, reference: str, seed: str, failure_rate: float) -> Outcome:
    """Decide one authorisation. An unknown token is a decline, ``invalid_token``, not an error."""
    if token == VISA:
        unlucky = draw(seed=seed, reference=reference) < failure_rate
        return Outcome("card_declined" if unlucky else None)
    return FIXED.get(token, Outcome("invalid_token"))


def draw(*, seed: str, reference: str) -> float:
    """A number in [0, 1), uniform over references, the same for the same seed and reference.

    A hash instead of a generator: parallel runs, in whatever order, decline the same orders.
    """
    digest = hashlib.sha256(f"{seed}\n{reference}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) / 2**53  # 53 bits: what a float holds exactly, never 1.0
