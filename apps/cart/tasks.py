"""Background work of cart."""

from apps.cart import services
from shop.jobs import job

_HOUR_S = 3600.0


@job(every_s=_HOUR_S)
def forget_guests() -> int:
    """Delete carts that guests left behind."""
    return services.forget_guests()
