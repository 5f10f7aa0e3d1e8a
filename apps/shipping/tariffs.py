"""Changing what shipping costs, and where it goes to: by staff, for quotes made from then on."""

from collections.abc import Collection
from decimal import Decimal

from django.db.models import Q

from apps.shipping.models import Rate, ShippingMethod, Zone, ZoneArea, normal_postal_code
from shop.transactions import command

Area = tuple[str, str]  # country, prefix of postal codes


class MethodExists(Exception):
    """A method has this code already."""


class AreaTaken(Exception):
    """The area belongs to another zone."""


@command
def add_method(*, code: str, name: str, carrier: str, active: bool) -> ShippingMethod:
    """Offer a new method. Raises MethodExists."""
    values = {"name": name, "carrier": carrier, "active": active}
    method, created = ShippingMethod.objects.get_or_create(code=code, defaults=values)
    if not created:
        raise MethodExists
    return method


@command
def change_method(*, code: str, name: str, carrier: str, active: bool) -> ShippingMethod:
    """Rename a method, switch it off or on again."""
    ShippingMethod.objects.filter(pk=code).update(name=name, carrier=carrier, active=active)
    return ShippingMethod(code=code, name=name, carrier=carrier, active=active)


@command
def put_zone(*, zone_id: int | None, name: str, areas: Collection[Area]) -> Zone:
    """Make a zone, or make an existing one have exactly this name and these areas. Raises AreaTaken."""
    wanted = {(country, normal_postal_code(prefix)) for country, prefix in areas}
    taken = Q(pk__in=[])
    for country, prefix in wanted:
        taken |= Q(country=country, postal_prefix=prefix)
    if clash := ZoneArea.objects.filter(taken).exclude(zone=zone_id).select_related("zone").first():
        raise AreaTaken(f"{clash} is in the zone {clash.zone}.")
    zone = Zone(pk=zone_id, name=name)
    zone.save()
    kept = {(area.country, area.postal_prefix): area.pk for area in zone.areas.all()}
    zone.areas.exclude(pk__in=[pk for area, pk in kept.items() if area in wanted]).delete()
    new = sorted(wanted - kept.keys())
    ZoneArea.objects.bulk_create(ZoneArea(zone=zone, country=country, postal_prefix=prefix) for country, prefix in new)
    return zone


@command
def remove_zone(*, zone_id: int) -> None:
    """Send nothing to a zone's areas any more: its rates go with it."""
    Zone.objects.filter(pk=zone_id).delete()


@command
def put_rate(
    *, rate_id: int | None, method: str, zone_id: int, currency: str, up_to_g: int, price: Decimal, tax_class: str
) -> Rate:
    """Make a rate, or change one."""
    rate = Rate(
        pk=rate_id,
        method_id=method,
        zone_id=zone_id,
        currency=currency,
        up_to_g=up_to_g,
        price=price,
        tax_class=tax_class,
    )
    rate.save()
    return rate


@command
def remove_rate(*, rate_id: int) -> None:
    """Take a rate off; the next heavier bracket holds, if there is one."""
    Rate.objects.filter(pk=rate_id).delete()
