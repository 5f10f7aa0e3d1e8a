"""Charts of the first page: how far they reach, and that no row of theirs is lost between two bars."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from apps.cart.models import Cart
from shop.backoffice.charts import Chart, chart

pytestmark = pytest.mark.django_db

BARS = 24


def _touched(*seconds_ago: float) -> Chart:
    """The chart of carts that were touched so long ago."""
    for seconds in seconds_ago:
        Cart.objects.create(id=uuid4(), customer_id=uuid4(), touched_at=Now() - timedelta(seconds=seconds))
    return chart("cart_cart", at="touched_at")


@pytest.mark.parametrize(
    ("oldest_s", "span"),
    [
        (0, "4 minutes"),
        (229, "4 minutes"),
        (240, "8 minutes"),
        (1_000, "24 minutes"),
        (5_000, "2 hours"),
        (20_000, "6 hours"),
        (30_000, "24 hours"),
    ],
)
def test_a_young_table_is_drawn_from_its_beginning(oldest_s: int, span: str) -> None:
    """In the narrowest bars that reach back to its oldest row; each row is in one of them."""
    drawn = _touched(0, oldest_s / 2, oldest_s)
    assert (drawn.span, len(drawn.rows), drawn.total()) == (span, BARS, 3)


def test_a_table_with_nothing_recent_is_drawn_as_usual() -> None:
    """Rows older than the chart are none of it."""
    assert _touched().span == "24 hours"
    drawn = _touched(0, 90_000)
    assert (drawn.span, drawn.total(), drawn.series()[-1]) == ("4 minutes", 1, 1.0)


def test_days_begin_at_midnight() -> None:
    """A chart of days has one bar for each, the last of which is today."""
    _touched(0, 10 * 86_400)
    drawn = chart("cart_cart", at="touched_at", step="day")
    assert (drawn.span, len(drawn.rows), drawn.series()[-1], drawn.series()[-11]) == ("14 days", 14, 1.0, 1.0)
    assert list(drawn.is_today) == [False] * 13 + [True]
