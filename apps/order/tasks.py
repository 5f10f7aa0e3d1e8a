"""Background work of order."""

from apps.order import quotes, refunds, saga
from shop.jobs import job

_HOUR_S = 3600.0


@job()
def advance() -> int:
    """One batch of orders whose saga is due."""
    return saga.advance_due()


@job()
def refund() -> int:
    """One batch of refunds that payment has not answered for."""
    return refunds.resume_due()


@job(every_s=_HOUR_S)
def tidy_quotes() -> int:
    """Forget one batch of old quotes."""
    return quotes.tidy_quotes()
