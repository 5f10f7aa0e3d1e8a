"""Methods, zones and rates; shipments with their tracking."""

from typing import ClassVar, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Length, Now

from shop.fields import COUNTRY_PATTERN, AmountField, CurrencyField

_country = RegexValidator(rf"^{COUNTRY_PATTERN}\Z", "A country is two capital letters (ISO 3166-1 alpha-2).")


class ShippingMethod(models.Model):
    """A way to send goods. "standard" and "express" come with the tables and are never removed.

    An inactive one is offered to nobody; what was quoted before is still sent by it.
    """

    code = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=80)
    carrier = models.CharField(max_length=80)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Zone(models.Model):
    """Areas that cost the same to send to."""

    name = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


def normal_postal_code(postal_code: str) -> str:
    """Upper case without spaces: the form in which prefixes are compared."""
    return "".join(postal_code.upper().split())


class ZoneAreaQuerySet(models.QuerySet["ZoneArea"]):
    def zone_of(self, country: str, postal_code: str) -> "models.QuerySet[ZoneArea, int]":
        """The zone of an address, as a subquery: the area with the longest matching prefix decides."""
        postal = Value(normal_postal_code(postal_code))
        fitting = self.filter(country=country).alias(postal=postal).filter(postal__startswith=F("postal_prefix"))
        return fitting.order_by(Length("postal_prefix").desc()).values_list("zone", flat=True)[:1]


class ZoneArea(models.Model):
    """A country, or the postal codes of it that begin with ``postal_prefix``, belongs to one zone.

    Invariant, held by the database: no area is in two zones. A country in none is not sent to.
    """

    zone = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="areas")
    country = models.CharField(max_length=2, validators=[_country])
    postal_prefix = models.CharField(max_length=16, blank=True, db_default="", default="")

    objects: ClassVar = ZoneAreaQuerySet.as_manager()

    class Meta:
        ordering = ["country", "postal_prefix"]
        constraints = [
            models.UniqueConstraint(fields=["country", "postal_prefix"], name="zone_area_once"),
            models.CheckConstraint(
                condition=Q(postal_prefix__regex=r"^[0-9A-Z-]*$"), name="zone_area_prefix_normal_form"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.postal_prefix}".strip()


class RateQuerySet(models.QuerySet["Rate"]):
    def offered(self) -> Self:
        """Rates of methods that are on offer, cheapest bracket first; ``id`` breaks ties."""
        rates = self.filter(method__active=True).select_related("method", "zone")
        return rates.order_by("method", "zone__name", "currency", "up_to_g", "id")

    def to_address(self, country: str, postal_code: str) -> Self:
        """Rates of the zone that an address is in; none for an address in no zone."""
        return self.filter(zone=models.Subquery(ZoneArea.objects.zone_of(country, postal_code)))


class Rate(models.Model):
    """Price of one method to one zone, for parcels of up to ``up_to_g`` grams: the lowest bracket that fits.

    Invariant, held by the database: one price per method, zone, currency and bracket.
    """

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="rates", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="rates")
    currency = CurrencyField()
    up_to_g = models.PositiveIntegerField()
    price = AmountField()
    tax_class = models.CharField(max_length=20, default="standard")

    method_name: str  # of the method, by the statement of services.rate alone

    objects: ClassVar = RateQuerySet.as_manager()

    class Meta:
        ordering = ["method_id", "zone_id", "currency", "up_to_g"]
        constraints = [
            models.UniqueConstraint(fields=["method", "zone", "currency", "up_to_g"], name="rate_once_per_bracket"),
            models.CheckConstraint(condition=Q(price__gte=0), name="rate_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.method_id} to {self.zone_id} up to {self.up_to_g} g"


class ShipmentState(models.TextChoices):
    BOOKED = "booked"  # the carrier expects it; reversible
    HANDED_OVER = "handed_over"  # the carrier has it
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


TRANSITIONS = {
    ShipmentState.BOOKED: {ShipmentState.HANDED_OVER, ShipmentState.CANCELLED},
    ShipmentState.HANDED_OVER: {ShipmentState.IN_TRANSIT},
    ShipmentState.IN_TRANSIT: {ShipmentState.DELIVERED},
}
TRAVELLING = (ShipmentState.HANDED_OVER, ShipmentState.IN_TRANSIT)


class Shipment(models.Model):
    """One parcel of an order; ``id`` is the order's choice, so that booking may be repeated.

    ``version`` counts its tracking rows and orders its events. ``due_at`` is when the simulated
    carrier moves it on. A row of version 0 is a tombstone: cancelled before it was ever booked, so
    that the late booking is refused. Invariants, held by the database: exactly the tombstones have
    no tracking number, exactly the travelling ones are due. Only ``services`` changes the state.
    """

    id = models.UUIDField(primary_key=True)
    order_number = models.CharField(max_length=32, blank=True, db_default="")
    tracking_number = models.CharField(max_length=32, unique=True, null=True)  # unguessable: it opens the tracking page
    method = models.ForeignKey(ShippingMethod, on_delete=models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=12, choices=ShipmentState)
    version = models.PositiveIntegerField()
    customer_id = models.CharField(max_length=36, blank=True, db_default="")  # empty: a guest
    email = models.CharField(max_length=254, blank=True, db_default="")  # of a guest
    address = models.JSONField(db_default=Value({}, models.JSONField()))
    lines = models.JSONField(db_default=Value([], models.JSONField()))
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(version=0, state=ShipmentState.CANCELLED, tracking_number=None, method=None)
                | Q(version__gt=0, tracking_number__isnull=False, method__isnull=False),
                name="shipment_tombstone_or_booked",
            ),
            models.CheckConstraint(
                condition=Q(state__in=TRAVELLING, due_at__isnull=False) | (~Q(state__in=TRAVELLING) & Q(due_at=None)),
                name="shipment_due_while_travelling",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="shipment_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["order_number"], name="shipment_order"),
            models.Index(fields=["-created_at", "id"], name="shipment_newest"),
            models.Index(fields=["created_at"], name="shipment_booked", condition=Q(state=ShipmentState.BOOKED)),
        ]

    def __str__(self) -> str:
        return self.tracking_number or f"tombstone {self.pk}"


class TrackingEntry(models.Model):
    """A shipment reached ``state``: row ``sequence`` of its history. Append-only."""

    id = models.BigAutoField(primary_key=True)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="tracking", db_index=False)
    sequence = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=ShipmentState)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["shipment_id", "sequence"]
        verbose_name_plural = "tracking entries"
        constraints = [models.UniqueConstraint(fields=["shipment", "sequence"], name="tracking_sequence_once")]

    def __str__(self) -> str:
        return f"{self.shipment_id} {self.sequence} {self.state}"
