"""What signing in leaves behind, once nobody can use it any more."""

from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from shop.identity.models import UsedSignOn
from shop.transactions import command

_BATCH = 1000


@command
def tidy_sign_ons() -> int:
    """Forget one batch of expired sessions and of expired one-time tokens; how many."""
    tokens = UsedSignOn.objects.filter(expires_at__lt=Now()).values("pk")[:_BATCH]
    sessions = Session.objects.filter(expire_date__lt=Now()).values("pk")[:_BATCH]
    return UsedSignOn.objects.filter(pk__in=tokens).delete()[0] + Session.objects.filter(pk__in=sessions).delete()[0]
