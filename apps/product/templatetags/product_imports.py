"""What the import page says in words."""

from django import template

register = template.Library()


@register.filter
def counted(number: int, noun: str) -> str:
    """ "1 row", "20,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@register.filter
def grouped(number: int) -> str:
    """ "20,000"."""
    return f"{number:,}"
