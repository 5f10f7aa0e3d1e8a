"""The tariff a new shop starts with; the admin changes it from then on."""

from decimal import Decimal

from django.db import migrations

_METHODS = {"standard": ("Standard", "Parcel Post"), "express": ("Express", "Swift Couriers")}
_ZONES = {
    "Germany": "DE",
    "Europe": "AT BE BG CH CY CZ DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK",
    "World": "AE AR AU BR CA CL CN CO EG HK ID IL IN JO JP KE KR MA MX MY NG NZ PH SA SG TH TR TW UA US VN ZA",
}
_EUROS = {  # (method, zone) -> {up to grams: price}
    ("standard", "Germany"): {2_000: "4.90", 10_000: "7.90", 31_500: "16.90", 1_000_000: "79.00"},
    ("standard", "Europe"): {2_000: "9.90", 10_000: "15.90", 31_500: "34.90", 1_000_000: "149.00"},
    ("standard", "World"): {2_000: "17.90", 10_000: "39.90", 31_500: "89.90", 1_000_000: "390.00"},
    ("express", "Germany"): {2_000: "9.90", 10_000: "14.90", 31_500: "29.90"},
    ("express", "Europe"): {2_000: "24.90", 10_000: "39.90", 31_500: "79.90"},
    ("express", "World"): {2_000: "44.90", 10_000: "89.90", 31_500: "189.90"},
}
# Price of one euro's worth, and the step prices are rounded to: tariffs, not exchange rates.
_CURRENCIES = {"EUR": ("1", "0.01"), "USD": ("1.2", "0.05"), "GBP": ("0.9", "0.05"), "JPY": ("170", "10")}


def add_tariff(apps, schema_editor):
    method, zone, area, rate = (
        apps.get_model("shipping", name) for name in ("ShippingMethod", "Zone", "ZoneArea", "Rate")
    )
    for code, (name, carrier) in _METHODS.items():
        method.objects.create(code=code, name=name, carrier=carrier)
    zones = {name: zone.objects.create(name=name) for name in _ZONES}
    area.objects.bulk_create(
        area(zone=zones[name], country=country) for name, countries in _ZONES.items() for country in countries.split()
    )
    rate.objects.bulk_create(
        rate(method_id=code, zone=zones[name], currency=currency, up_to_g=up_to_g, price=_price(euros, *tariff))
        for (code, name), brackets in _EUROS.items()
        for up_to_g, euros in brackets.items()
        for currency, tariff in _CURRENCIES.items()
    )


def _price(euros, factor, step):
    unit = Decimal(step)
    return round(Decimal(euros) * Decimal(factor) / unit) * unit


class Migration(migrations.Migration):
    dependencies = [("shipping", "0001_initial")]
    operations = [migrations.RunPython(add_tariff, migrations.RunPython.noop)]
