"""Background work of product."""

from apps.product import openings
from shop.jobs import job


@job()
def open_stock() -> int:
    """Tell inventory of one batch of opening stock."""
    return openings.send_due()
