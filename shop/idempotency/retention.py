"""How long a key is remembered."""

from datetime import timedelta

from django.db.models.functions import Now

from shop.idempotency.models import Record
from shop.transactions import command

KEPT_FOR = timedelta(days=30)


@command
def tidy_keys() -> int:
    """Forget one batch of keys older than 30 days; how many."""
    old = Record.objects.filter(created_at__lt=Now() - KEPT_FOR).values("pk")[:1000]
    return Record.objects.filter(pk__in=old).delete()[0]
