"""What shipping does: name a price, book, cancel, hand over, and play the carrier."""

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from apps.shipping.events import ANNOUNCED
from apps.shipping.models import TRANSITIONS, TRAVELLING, Rate, Shipment, ShipmentState, normal_postal_code
from shop.env import env
from shop.events.emit import emit
from shop.transactions import command, step

CARRIER_BATCH = 100
_TRACKING_BYTES = 10  # 80 random bits: the number is all that opens the tracking page


@dataclass(frozen=True, slots=True)
class Leg:
    """The simulated carrier brings a shipment to ``to``, ``after_s`` seconds at speed 1."""

    to: ShipmentState
    after_s: float


LEGS = {
    ShipmentState.HANDED_OVER: Leg(ShipmentState.IN_TRANSIT, 8),
    ShipmentState.IN_TRANSIT: Leg(ShipmentState.DELIVERED, 12),
}


class MethodUnavailable(Exception):
    """No rate on offer fits the method, address, weight and currency."""


class BookingRefused(Exception):
    """The carrier does not take this booking; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Superseded(Exception):
    """The shipment was cancelled, perhaps before its booking arrived."""


class OtherContent(Exception):
    """The id belongs to a shipment of other content."""


class TooLate(Exception):
    """The carrier has the parcel: it cannot be cancelled."""


class ShipmentGone(Exception):
    """The shipment is cancelled, or was never booked: there is nothing to hand over."""


def rate(*, method: str, country: str, postal_code: str, weight_g: int, currency: str) -> Rate:
    """The rate of the lowest weight bracket that fits. Raises MethodUnavailable."""
    asked = {"method": method, "currency": currency, "weight_g": weight_g}
    found = list(Rate.objects.raw(_RATE, asked | {"country": country, "postal": normal_postal_code(postal_code)}))
    if not found:
        raise MethodUnavailable
    return found[0]


# By hand, with the method's name: every quote asks, and building this query cost more than running it.
_RATE = """
SELECT rate.*, method.name AS method_name
FROM shipping_rate rate JOIN shipping_shippingmethod method ON method.code = rate.method_id
WHERE method.active AND rate.method_id = %(method)s AND rate.currency = %(currency)s AND rate.up_to_g >= %(weight_g)s
    AND rate.zone_id = (
        SELECT zone_id FROM shipping_zonearea
        WHERE country = %(country)s AND starts_with(%(postal)s, postal_prefix)
        ORDER BY length(postal_prefix) DESC LIMIT 1
    )
ORDER BY rate.up_to_g LIMIT 1
"""


@command
def book(
    *,
    shipment_id: UUID,
    order_number: str,
    method: str,
    address: Mapping[str, str],
    lines: Sequence[Mapping[str, Any]],
    customer_id: str,
    email: str,
) -> Shipment:
    """Book a shipment with the carrier; a repeat returns the first one, whatever has become of it since.

    Raises BookingRefused when no rate of the method leads to the address, Superseded when the id is
    cancelled, OtherContent when it is another shipment's.
    """
    wanted = {
        "order_number": order_number,
        "method_id": method,
        "customer_id": customer_id,
        "email": email,
        "address": dict(address),
        "lines": [dict(line) for line in lines],
    }
    booked = _insert(shipment_id, wanted)
    if booked is not None:
        _announce(booked)
        return booked
    return _repeated(shipment_id, wanted)


@command
def cancel(*, shipment_id: UUID) -> None:
    """Cancel a shipment that the carrier does not have; safe to repeat. Raises TooLate.

    An id that was never booked leaves a tombstone, which refuses the booking should it still arrive.
    """
    if _bury(shipment_id):
        return
    moved = _move(shipment_id, ShipmentState.CANCELLED)
    if moved is not None:
        _announce(moved)
    elif Shipment.objects.get(pk=shipment_id).state != ShipmentState.CANCELLED:
        raise TooLate


@command
def hand_over(*, shipment_id: UUID) -> None:
    """Give a booked shipment to the carrier, who delivers it; safe to repeat. Raises ShipmentGone."""
    moved = _move(shipment_id, ShipmentState.HANDED_OVER)
    if moved is not None:
        _announce(moved)
    elif not Shipment.objects.filter(pk=shipment_id).exclude(state=ShipmentState.CANCELLED).exists():
        raise ShipmentGone


@command
def advance() -> int:
    """Move one batch of shipments on whose travelling time is over; return how many.

    Any number of workers may run: each skips what another holds.
    """
    moved = _shipments(
        _ADVANCE,
        {
            "limit": CARRIER_BATCH,
            "states": list(LEGS),
            "next": [leg.to for leg in LEGS.values()],
            "stays_s": [_stay_s(leg.to) for leg in LEGS.values()],
        },
    )
    for shipment in moved:
        _announce(shipment)
    return len(moved)


def travelling() -> int:
    """How many shipments the carrier has and has not delivered."""
    return Shipment.objects.filter(state__in=TRAVELLING).count()


@step
def _announce(shipment: Shipment) -> None:
    fact = ANNOUNCED.get(shipment.state)
    if fact is None:
        return
    event = fact(
        shipment_id=str(shipment.pk),
        order_number=shipment.order_number,
        tracking_number=shipment.tracking_number or "",
        method=shipment.method_id or "",
        status=shipment.state,
        customer_id=shipment.customer_id,
        email=shipment.email,
        at=shipment.changed_at.isoformat(),
    )
    emit(event, aggregate=str(shipment.pk), sequence=shipment.version)


def _insert(shipment_id: UUID, wanted: Mapping[str, Any]) -> Shipment | None:
    """The new shipment, None when the id is taken or the carrier does not go there."""
    values = {
        **wanted,
        "id": shipment_id,
        "tracking_number": base64.b32encode(secrets.token_bytes(_TRACKING_BYTES)).decode(),
        "address": Jsonb(wanted["address"]),
        "lines": Jsonb(wanted["lines"]),
        "country": wanted["address"]["country"],
        "postal_code": "".join(wanted["address"]["postal_code"].upper().split()),
    }
    return next(iter(_shipments(_BOOK, values)), None)


def _repeated(shipment_id: UUID, wanted: Mapping[str, Any]) -> Shipment:
    found = Shipment.objects.filter(pk=shipment_id).first()
    if found is None:
        raise BookingRefused("not-served")
    if found.state == ShipmentState.CANCELLED:
        raise Superseded
    if any(getattr(found, name) != value for name, value in wanted.items()):
        raise OtherContent
    return found


def _bury(shipment_id: UUID) -> bool:
    """Leave a tombstone unless the id is known; waits for a booking of it that is under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shipping_shipment (id, state, version) VALUES (%s, %s, 0) ON CONFLICT (id) DO NOTHING",
            [shipment_id, ShipmentState.CANCELLED],
        )
        return bool(cursor.rowcount)


def _move(shipment_id: UUID, to: ShipmentState) -> Shipment | None:
    """The shipment in its new state, None when the transitions table does not lead there."""
    sources = [source for source, targets in TRANSITIONS.items() if to in targets]
    moved = _shipments(_MOVE, {"id": shipment_id, "to": to, "from": sources, "stay_s": _stay_s(to)})
    return next(iter(moved), None)


def _stay_s(state: ShipmentState) -> float | None:
    """How long the carrier leaves a shipment in ``state``; None: for good."""
    leg = LEGS.get(state)
    return leg.after_s / env.carrier_speed if leg else None


def _shipments(sql: str, values: Mapping[str, Any]) -> list[Shipment]:
    return list(Shipment.objects.raw(sql + _TRACKED, values))


# Each statement names the rows it writes "moved"; _TRACKED adds their tracking rows, so that the two
# cannot disagree, and a booking, a hand-over or a batch of the carrier is one round trip.
_BOOK = """
WITH served AS (
    SELECT FROM shipping_rate
    WHERE method_id = %(method_id)s AND zone_id = (
        SELECT zone_id FROM shipping_zonearea
        WHERE country = %(country)s AND starts_with(%(postal_code)s, postal_prefix)
        ORDER BY length(postal_prefix) DESC LIMIT 1
    )
    LIMIT 1
), moved AS (
    INSERT INTO shipping_shipment
        (id, order_number, tracking_number, method_id, state, version, customer_id, email, address, lines)
    SELECT %(id)s, %(order_number)s, %(tracking_number)s, %(method_id)s, 'booked', 1, %(customer_id)s, %(email)s,
        %(address)s, %(lines)s
    FROM served
    ON CONFLICT (id) DO NOTHING
    RETURNING *
)"""
_MOVE = """
WITH moved AS (
    UPDATE shipping_shipment SET
        state = %(to)s, version = version + 1, changed_at = clock_timestamp(),
        due_at = clock_timestamp() + make_interval(secs => %(stay_s)s)
    WHERE id = %(id)s AND state = ANY(%(from)s)
    RETURNING *
)"""
_ADVANCE = """
WITH due AS (
    SELECT id FROM shipping_shipment
    WHERE due_at <= clock_timestamp()
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE shipping_shipment s SET
        state = leg.next, version = s.version + 1, changed_at = clock_timestamp(),
        due_at = clock_timestamp() + make_interval(secs => leg.stay_s)
    FROM due, unnest(%(states)s::text[], %(next)s::text[], %(stays_s)s::float8[]) AS leg(state, next, stay_s)
    WHERE s.id = due.id AND s.state = leg.state
    RETURNING s.*
)"""
_TRACKED = """, tracked AS (
    INSERT INTO shipping_trackingentry (shipment_id, sequence, state, at)
    SELECT id, version, state, changed_at FROM moved
)
SELECT * FROM moved
"""
