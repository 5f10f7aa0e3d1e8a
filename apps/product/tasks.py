"""Background work of product."""

from apps.product import openings, pictures, reviews, services
from apps.product.importing import named_pictures, runs
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


@job()
def work_at_imports() -> int:
    """Look at, or apply, one file that staff have brought in."""
    return runs.work_due()


@job()
def store_named_pictures() -> int:
    """Give one picture that an import named the file that came with it."""
    return named_pictures.store_due()
