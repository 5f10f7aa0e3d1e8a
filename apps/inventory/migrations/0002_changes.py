from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("inventory", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("inventory_warehouse", key="code"),
        Track("inventory_item", only=["reorder_point"], key="sku"),
        Track("inventory_reservation", only=["state"], named=True),
    ]
