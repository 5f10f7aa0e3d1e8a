"""Background work of shipping."""

from apps.shipping import services
from shop.jobs import job


@job()
def advance() -> int:
    """The simulated carrier: one batch of shipments whose travelling time is over."""
    return services.advance()
