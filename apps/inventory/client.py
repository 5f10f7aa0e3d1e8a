"""What other roles may ask of inventory: the only module of this app that they import."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shop import transport

_RESERVATIONS = "/inventory/internal/reservations"


class OutOfStock(Exception):
    """``short`` says how many units of each SKU are missing. Nothing was reserved."""

    def __init__(self, short: Mapping[str, int]) -> None:
        super().__init__(dict(short))
        self.short = dict(short)


class Superseded(Exception):
    """The reservation has ended, or was released before it ever arrived: it never takes effect."""


class ReservationGone(Exception):
    """The reservation has expired or was released: its units are no longer held."""


class AlreadyCommitted(Exception):
    """The units have left the warehouse: they cannot be released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Units held until ``expires_at``, unless they are secured before."""

    id: UUID
    expires_at: datetime


def available(*, skus: Collection[str]) -> dict[str, int]:
    """Units of each SKU that nobody was promised, in one call; 0 for an unknown one. Raises NoAnswer."""
    if not skus:
        return {}
    reply = transport.get("inventory", "/inventory/internal/availability", params={"skus": ",".join(sorted(skus))})
    levels: dict[str, int] = _accepted(reply)["available"]
    return levels


def open_stock(*, batch_id: UUID, units: Mapping[str, int]) -> None:
    """Receive the first units (SKU -> units, 500 SKUs at most) of SKUs that never moved; safe to repeat.

    SKUs with any movement are left alone. Raises NoAnswer.
    """
    body = {"id": str(batch_id), "units": dict(units)}
    path = "/inventory/internal/opening-stock"
    _accepted(transport.post("inventory", path, json_body=body, idempotency_key=str(batch_id)))


def reserve(*, reservation_id: UUID, lines: Mapping[str, int], lifetime_s: float) -> Reservation:
    """Reserve every line (SKU -> units) or none for ``lifetime_s`` seconds, in one call; safe to repeat.

    Raises OutOfStock and Superseded, which are answers, or NoAnswer, which is not.
    """
    body = {"id": str(reservation_id), "lines": dict(lines), "lifetime_s": round(lifetime_s, 3)}
    reply = transport.post("inventory", _RESERVATIONS, json_body=body, idempotency_key=str(reservation_id))
    if reply.problem == "out-of-stock":
        raise OutOfStock(reply.body["short"])
    if reply.problem == "superseded":
        raise Superseded
    made = _accepted(reply)
    return Reservation(id=UUID(made["id"]), expires_at=datetime.fromisoformat(made["expires_at"]))


def secure(*, reservation_id: UUID) -> None:
    """Let a reservation no longer expire; safe to repeat. Raises ReservationGone, NoAnswer."""
    _ask(reservation_id, "secure")


def commit(*, reservation_id: UUID) -> None:
    """The units of a secured reservation leave the warehouse; safe to repeat. Raises ReservationGone, NoAnswer."""
    _ask(reservation_id, "commit")


def release(*, reservation_id: UUID) -> None:
    """Free the units, or make sure they are never reserved; safe to repeat. Raises AlreadyCommitted, NoAnswer."""
    _ask(reservation_id, "release")


def _ask(reservation_id: UUID, what: str) -> None:
    path = f"{_RESERVATIONS}/{reservation_id}/{what}"
    reply = transport.post("inventory", path, json_body={}, idempotency_key=str(reservation_id))
    if reply.problem == "reservation-gone":
        raise ReservationGone
    if reply.problem == "already-committed":
        raise AlreadyCommitted
    _accepted(reply)


def _accepted(reply: transport.Reply) -> Any:
    if reply.problem:
        raise RuntimeError(f"inventory answered {reply.status} {reply.problem}")
    return reply.body
