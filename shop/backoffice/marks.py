"""Small marks in lists and pages: states as coloured tags, money, durations."""

from datetime import timedelta
from decimal import Decimal

from django.utils.html import format_html
from django.utils.safestring import SafeString

from shop.money import Money

GOOD, BUSY, BAD, QUIET = "good", "busy", "bad", "quiet"  # tones of a tag


def tag(text: object, tone: str = QUIET) -> SafeString:
    """``text`` as a tag; its words say what its colour says."""
    return format_html('<span class="desk-tag desk-{}">{}</span>', tone, str(text).replace("_", " "))


def money(amount: Decimal, currency: str) -> str:
    """ "1,234.50 EUR", in the currency's own decimals."""
    return f"{Money(amount, currency).amount:,} {currency}"


def lasting(time: timedelta) -> str:
    """A duration in the unit that a person would use."""
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
