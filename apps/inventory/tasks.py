"""Background work of inventory."""

from apps.inventory import services
from shop.jobs import job


@job()
def expire_reservations() -> int:
    """Free the units of reservations nobody secured in time."""
    return services.expire()


@job()
def announce_low_stock() -> int:
    """Tell of SKUs that fell to their reorder point."""
    return services.announce_low_stock()
