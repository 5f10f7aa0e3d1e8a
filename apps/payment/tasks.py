"""Background work of payment."""

from apps.payment import steps
from shop.jobs import job


@job()
def reconcile() -> int:
    """Find out about every step at the gateway that nobody has an answer to."""
    return steps.reconcile()
