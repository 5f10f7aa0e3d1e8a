from django.db import migrations

from shop.changes.operations import Track


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("identity", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("identity_account", ignore=["password", "last_login", "created_at"], named=True),
        Track("identity_signinthrottle", named=True, key="subject"),
    ]
