from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("user", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("user_address", ignore=["created_at"], named=True),
    ]
