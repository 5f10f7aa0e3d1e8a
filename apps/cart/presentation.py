"""A cart as it is shown: its lines, with what product and inventory say about them.

One question to each, whatever the number of lines. Without prices there is no cart to show: the
failure passes through and becomes 503. Without levels ``available`` is null.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from apps.cart.services import Contents
from apps.inventory import client as inventory
from apps.product import client as product
from apps.product.client import Priced
from shop.env import env
from shop.errors import NoAnswer
from shop.money import Money


@dataclass(frozen=True, slots=True)
class Answers:
    """What the other roles said about ``asked``. ``available`` is None if inventory gave no answer."""

    asked: frozenset[str]
    prices: Mapping[str, Priced]
    available: Mapping[str, int] | None


def ask(skus: Collection[str]) -> Answers:
    """Prices and availability of ``skus``: two calls. Raises NoAnswer when product gives none."""
    return Answers(frozenset(skus), product.prices(skus=skus), _available(skus))


def shown(contents: Contents, answers: Answers) -> dict[str, Any]:
    """The cart with prices. A line that is no longer sold has none, and counts for nothing.

    Lines that another request added meanwhile were not asked about: then this asks again.
    """
    if not answers.asked.issuperset(contents.lines):
        answers = ask(contents.lines)
    items = [_item(sku, quantity, answers) for sku, quantity in contents.lines.items()]
    return {
        "id": contents.id,
        "items": items,
        "subtotal": _subtotal(contents, answers),
        "notices": list(contents.notices),
    }


def _available(skus: Collection[str]) -> Mapping[str, int] | None:
    try:
        return inventory.available(skus=skus)
    except NoAnswer:
        return None


def _item(sku: str, quantity: int, answers: Answers) -> dict[str, Any]:
    sold = answers.prices.get(sku)
    return {
        "sku": sku,
        "name": sold.name if sold else sku,
        "options": dict(sold.options) if sold else {},
        "quantity": quantity,
        "unit_price": sold.unit_price.json() if sold else None,
        "line_total": (sold.unit_price * quantity).json() if sold else None,
        "available": _units(sku, sold, answers.available),
    }


def _units(sku: str, sold: Priced | None, available: Mapping[str, int] | None) -> int | None:
    if sold is None:
        return 0
    return None if available is None else available.get(sku, 0)


def _subtotal(contents: Contents, answers: Answers) -> Mapping[str, str] | None:
    """None if the lines are in several currencies: nothing is converted by accident."""
    sold = [(answers.prices[sku].unit_price, units) for sku, units in contents.lines.items() if sku in answers.prices]
    currencies = {price.currency for price, _ in sold} or {env.currency}
    if len(currencies) > 1:
        return None
    return sum((price * units for price, units in sold), Money.zero(currencies.pop())).json()
