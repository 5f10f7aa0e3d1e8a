"""What messages say: built-in wordings, the shop's own over them, and rendering that cannot fail."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.template import Context, Engine, TemplateSyntaxError
from django.template import Template as Compiled

from apps.notification.models import MessageKind, Template

logger = logging.getLogger(__name__)

_LONGEST_SUBJECT = 200
_KEPT_S = 5.0  # an edited template is in use after this; it spares every event a query

# Plain text without escaping, and no loaders or libraries: a template reads the event, nothing else.
_engine = Engine(autoescape=False, loaders=[])


@dataclass(frozen=True, slots=True)
class Wording:
    """Subject and text, as templates or rendered."""

    subject: str
    text: str


BUILT_IN = {
    MessageKind.ORDER_CONFIRMED: Wording(
        "Order {{ order_number }} is confirmed",
        """Thank you for your order {{ order_number }}.

{% for line in lines %}{{ line.quantity }} x {{ line.name }} ({{ line.sku }})
{% endfor %}
Total: {{ total.amount }} {{ total.currency }}
""",
    ),
    MessageKind.ORDER_REJECTED: Wording(
        "Order {{ order_number }} could not be accepted",
        """We could not accept your order {{ order_number }} ({{ reason }}).
Nothing has been charged.
""",
    ),
    MessageKind.ORDER_CANCELLED: Wording(
        "Order {{ order_number }} is cancelled",
        "Your order {{ order_number }} is cancelled ({{ reason }}).\n",
    ),
    MessageKind.PAYMENT_REFUNDED: Wording(
        "Refund for order {{ order_number }}",
        "{{ amount.amount }} {{ amount.currency }} of your order {{ order_number }} have been refunded.\n",
    ),
    MessageKind.SHIPMENT_HANDED_OVER: Wording(
        "Order {{ order_number }} is on its way",
        """Your order {{ order_number }} is with the carrier.
Tracking number: {{ tracking_number }}
""",
    ),
    MessageKind.SHIPMENT_DELIVERED: Wording(
        "Order {{ order_number }} has been delivered",
        """Your order {{ order_number }} has been delivered.
Tracking number: {{ tracking_number }}
""",
    ),
    MessageKind.ACCOUNT_REGISTERED: Wording(
        "Welcome",
        "Hello{% if name %} {{ name }}{% endif %},\n\nyour account is ready.\n",
    ),
    MessageKind.STOCK_LOW: Wording(
        "Low stock: {{ sku }}",
        "{{ available }} of {{ sku }} are left (threshold {{ threshold }}).\n",
    ),
}


def render(kind: MessageKind, fields: Mapping[str, Any]) -> Wording:
    """The message in the shop's own wording; in the built-in one when that is missing or broken."""
    own = _own_wordings(int(time.monotonic() / _KEPT_S)).get(kind)
    if own is not None:
        try:
            return _rendered(own, fields)
        except Exception as exc:  # filters and tags raise anything; a message must not be lost by it
            logger.warning("the template of %s is broken: %s", kind.value, exc.__class__.__name__)
    return _rendered(BUILT_IN[kind], fields)


def checked(source: str) -> str:
    """``source``, when it is a template. Raises ValidationError."""
    try:
        _compiled(source)
    except TemplateSyntaxError as exc:
        raise ValidationError(f"Not a valid template: {exc}") from exc
    return source


def _rendered(wording: Wording, fields: Mapping[str, Any]) -> Wording:
    context = Context(dict(fields), autoescape=False)
    subject = " ".join(_compiled(wording.subject).render(context).split())  # one line: it becomes a header
    return Wording(subject[:_LONGEST_SUBJECT], _compiled(wording.text).render(context))


@lru_cache(maxsize=64)
def _compiled(source: str) -> Compiled:
    return _engine.from_string(source)


@lru_cache(maxsize=1)
def _own_wordings(_span: int) -> Mapping[str, Wording]:
    """All rows; read again in each span of time."""
    return {row.kind: Wording(row.subject, row.text) for row in Template.objects.all()}
