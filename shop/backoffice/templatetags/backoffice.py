"""What the admin's templates draw with."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from shop.backoffice import links, marks

register = template.Library()

_WIDTH, _HEIGHT = 120, 32  # of a sparkline, in its own units


@register.inclusion_tag("backoffice/panel.html")
def panel(role: str, name: str, key: object) -> dict[str, Any]:
    """A placeholder that the browser fills with ``role``'s panel ``name`` of ``key``."""
    return {"href": links.panel_url(role, name, str(key)), "role": role}


@register.simple_tag
def panel_url(role: str, name: str, key: object) -> str:
    """Where a panel is fetched from, for a placeholder that shows something until then, and when it does not come."""
    return links.panel_url(role, name, str(key))


@register.simple_tag
def admin_url(role: str, page: str = "", **query: object) -> str:
    """``links.admin_url`` for templates."""
    return links.admin_url(role, page, **query)


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """``marks.money`` for templates."""
    return marks.money(amount, currency)


@register.filter
def value_of(data: Mapping[str, object], name: str) -> object:
    """One value of a mapping whose key is not known to the template; "" without one."""
    return data.get(name, "")


@register.filter
def in_lines(address: Mapping[str, str]) -> list[str]:
    """A postal address as it is written, without what it does not have."""
    town = f"{address.get('postal_code', '')} {address.get('city', '')}".strip()
    parts = [*(address.get(name, "") for name in ("name", "line1", "line2")), town]
    return [part for part in (*parts, address.get("region", ""), address.get("country", "")) if part]


@register.simple_tag
def tag(text: object, tone: str = marks.QUIET) -> SafeString:
    """``marks.tag`` for templates."""
    return marks.tag(text, tone)


@register.simple_tag
def sparkline(series: Sequence[float], what: str, span: str) -> SafeString:
    """Bars of ``series``, oldest first, as an inline picture: ``what`` they are, over the last ``span``."""
    top = max(series, default=0) or 1
    step = _WIDTH / max(len(series), 1)
    heights = [max(value / top * _HEIGHT, 1) for value in series]  # also of nothing: the bars are the time line
    drawn = "".join(
        f'<rect x="{index * step:.1f}" y="{_HEIGHT - height:.1f}" width="{step * 0.75:.1f}" height="{height:.1f}"/>'
        for index, height in enumerate(heights)
    )
    return format_html(
        '<svg class="desk-spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        _WIDTH,
        _HEIGHT,
        f"{what}, the last {span}",
        mark_safe(drawn),  # noqa: S308  # numbers
    )
