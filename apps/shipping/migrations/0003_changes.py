from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("shipping", "0002_tariff"), ("changes", "0001_initial")]
    operations = [
        Track("shipping_shippingmethod", key="code"),
        Track("shipping_zone"),
        Track("shipping_zonearea"),
        Track("shipping_rate"),
    ]
