"""What shipping tells: each fact once per shipment, ``sequence`` being the shipment's version."""

from dataclasses import dataclass

from apps.shipping.models import ShipmentState
from shop.events.registry import event, personal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentFact:
    """What every event of a shipment carries."""

    shipment_id: str
    order_number: str
    tracking_number: str
    method: str
    status: str  # the state it reached
    customer_id: str  # empty: a guest
    email: str = personal()  # of a guest, else empty
    at: str  # RFC 3339


@event("shipment.booked.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentBooked(ShipmentFact):
    """The carrier expects the parcel; a cancellation may still follow."""


@event("shipment.cancelled.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentCancelled(ShipmentFact):
    """A booked shipment will not be handed over. A tombstone, never booked, is not announced."""


@event("shipment.handed_over.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentHandedOver(ShipmentFact):
    """The carrier has the parcel; it cannot be cancelled any more."""


@event("shipment.delivered.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentDelivered(ShipmentFact):
    """The parcel has arrived."""


ANNOUNCED: dict[str, type[ShipmentFact]] = {
    ShipmentState.BOOKED: ShipmentBooked,
    ShipmentState.CANCELLED: ShipmentCancelled,
    ShipmentState.HANDED_OVER: ShipmentHandedOver,
    ShipmentState.DELIVERED: ShipmentDelivered,
}
