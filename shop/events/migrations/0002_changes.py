from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("events", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("events_delivery", only=["state"], named=True),
    ]
