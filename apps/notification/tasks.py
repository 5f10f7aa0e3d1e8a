"""Background work of notification."""

from apps.notification import sending, services
from shop.jobs import job

_HOUR_S = 3600.0


@job()
def send_mail() -> int:
    """One batch of queued messages."""
    return sending.send_due()


@job(every_s=_HOUR_S)
def forget_messages() -> int:
    """One batch of old messages loses its personal data."""
    return services.forget()
