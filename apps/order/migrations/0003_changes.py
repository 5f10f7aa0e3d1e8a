from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("order", "0002_taxes"), ("changes", "0001_initial")]
    operations = [
        Track("order_taxcountry", key="country"),
        Track("order_taxrate"),
        Track("order_refund", only=["parked"], named=True),
    ]
