"""Background work of role user: forgetting what has run out."""

from apps.user import sessions
from shop.identity import throttle
from shop.jobs import job

_BATCH = 1000


@job(every_s=3600)
def forget_expired() -> int:
    """Delete expired token families and counters of failed sign-ins."""
    return sessions.forget_expired(limit=_BATCH) + throttle.forget(limit=_BATCH)
