"""VAT of the European Union, as the shop's first taxes; the admin changes them from then on.

Standard rate, and the reduced rate that most reduced goods have, in per cent, as of 2026. A starting
point to be checked for what is sold, not tax advice. Goods that are not taxed are "exempt". GR is
Greece, DK has no reduced rate.
"""

from decimal import Decimal

from django.db import migrations

_RATES = """
AT 20 10  BE 21 6  BG 20 9  CY 19 5  CZ 21 12  DE 19 7  DK 25 25  EE 24 9  ES 21 10  FI 25.5 13.5
FR 20 5.5  GR 24 13  HR 25 13  HU 27 18  IE 23 13.5  IT 22 10  LT 21 12  LU 17 8  LV 21 12  MT 18 7
NL 21 9  PL 23 8  PT 23 6  RO 21 11  SE 25 12  SI 22 9.5  SK 23 19
"""


def add_taxes(apps, schema_editor):
    country_model, rate = (apps.get_model("order", name) for name in ("TaxCountry", "TaxRate"))
    words = _RATES.split()
    for country, standard, reduced in zip(words[::3], words[1::3], words[2::3], strict=True):
        country_model.objects.create(country=country)
        rate.objects.bulk_create(
            rate(country_id=country, tax_class=tax_class, percent=Decimal(percent))
            for tax_class, percent in (("standard", standard), ("reduced", reduced), ("exempt", 0))
        )


class Migration(migrations.Migration):
    dependencies = [("order", "0001_initial")]
    operations = [migrations.RunPython(add_taxes, migrations.RunPython.noop)]
