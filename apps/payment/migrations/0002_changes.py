from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("payment", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("payment_payment", only=["parked_reason"], named=True),
    ]
