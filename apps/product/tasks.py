"""Background work of product."""

from apps.product import openings, pictures, reviews, services
from shop.jobs import job


@job()
def open_stock() -> int:
    """Tell inventory of one batch of opening stock."""
    return openings.send_due()


@job()
def publish_scheduled() -> int:
    """Publish the products whose time has come."""
    return services.publish_due()


@job()
def fetch_pictures() -> int:
    """Fetch one picture from its address."""
    return pictures.fetch_due()


@job()
def verify_reviews() -> int:
    """Ask order about the authors of one batch of reviews."""
    return reviews.verify_due()
