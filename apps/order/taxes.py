"""Changing the taxes: by staff, for quotes made from then on."""

from collections.abc import Mapping
from decimal import Decimal

from apps.order.models import TaxCountry, TaxRate
from shop.transactions import command


@command
def put_country(*, country: str, prices_include_tax: bool, rates: Mapping[str, Decimal]) -> TaxCountry:
    """Charge the taxes of ``country``: exactly these ``rates``, per cent by tax class."""
    values = {"prices_include_tax": prices_include_tax}
    taxed, _ = TaxCountry.objects.update_or_create(country=country, defaults=values)
    taxed.rates.exclude(tax_class__in=rates).delete()
    for tax_class, percent in sorted(rates.items()):
        TaxRate.objects.update_or_create(country=taxed, tax_class=tax_class, defaults={"percent": percent})
    return taxed


@command
def remove_country(*, country: str) -> None:
    """Charge no tax there any more."""
    TaxCountry.objects.filter(pk=country).delete()
