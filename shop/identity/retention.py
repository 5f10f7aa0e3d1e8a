"""What signing in leaves behind, once nobody can use it any more."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from shop.identity.models import UsedSignOn
from shop.transactions import command

_BATCH = 1000
_LONGER = timedelta(minutes=10)  # than clocks differ: a token may be taken for good a little after it has expired


@command
def tidy_sign_ons() -> int:
    """Forget one batch of expired sessions and of expired one-time tokens; how many."""
    tokens = UsedSignOn.objects.filter(expires_at__lt=Now() - _LONGER).values("pk")[:_BATCH]
    sessions = Session.objects.filter(expire_date__lt=Now()).values("pk")[:_BATCH]
    return UsedSignOn.objects.filter(pk__in=tokens).delete()[0] + Session.objects.filter(pk__in=sessions).delete()[0]
