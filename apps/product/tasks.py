"""Background work of product."""

from apps.product import openings, services
from shop.jobs import job


@job()
def open_stock() -> int:
    """Tell inventory of one batch of opening stock."""
    return openings.send_due()


@job()
def publish_scheduled() -> int:
    """Publish the products whose time has come."""
    return services.publish_due()
