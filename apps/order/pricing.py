"""What an order costs: lines, shipping and their tax. Arithmetic only; nothing here asks anyone.

Tax is rounded half up per line, so the lines of an invoice show exactly what was added up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shop.money import MAX, Money, share

STANDARD = "standard"  # the class of what has no rate of its own


class TooExpensive(Exception):
    """A sum beyond what the books can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRules:
    """The taxes of one country: per cent by class. Without any, nothing is taxed."""

    percent: Mapping[str, Decimal]
    prices_include_tax: bool = True

    def rate(self, tax_class: str) -> Decimal:
        """Per cent of tax on ``tax_class``."""
        return self.percent.get(tax_class, self.percent.get(STANDARD, Decimal(0)))

    def tax(self, amount: Money, tax_class: str) -> Money:
        """The tax contained in ``amount``, or to be added to it, rounded half up."""
        rate = self.rate(tax_class)
        whole = 100 + rate if self.prices_include_tax else Decimal(100)
        return Money(amount.amount * rate / whole, amount.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Units of one SKU at a price, with the tax in it or on top of it."""

    sku: str
    name: str
    quantity: int
    unit_price: Money
    tax_class: str
    tax_rate: Decimal
    tax: Money
    total: Money

    def json(self, position: int) -> dict[str, Any]:
        """As kept in a quote: the columns of an order's line."""
        return {
            "position": position,
            "sku": self.sku,
            "name": self.name,
            "quantity": self.quantity,
            "unit_price": str(self.unit_price.amount),
            "tax_class": self.tax_class,
            "tax_rate": str(self.tax_rate),
            "tax": str(self.tax.amount),
            "total": str(self.total.amount),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """``total`` is ``subtotal - discount + shipping``, plus ``tax`` where prices do not include it."""

    subtotal: Money
    discount: Money
    shipping: Money
    shipping_tax: Money
    tax: Money
    total: Money


def line(*, sku: str, name: str, quantity: int, unit_price: Money, tax_class: str, rules: TaxRules) -> Line:
    """Price one line. Raises TooExpensive."""
    total = _within_books(unit_price * quantity)
    return Line(
        sku=sku,
        name=name,
        quantity=quantity,
        unit_price=unit_price,
        tax_class=tax_class,
        tax_rate=rules.rate(tax_class),
        tax=rules.tax(total, tax_class),
        total=total,
    )


def add_up(lines: Sequence[Line], *, shipping: Money, shipping_class: str, rules: TaxRules) -> Totals:
    """The totals of a quote. Raises TooExpensive."""
    nothing = Money.zero(shipping.currency)
    subtotal = sum((line.total for line in lines), nothing)
    shipping_tax = rules.tax(shipping, shipping_class)
    tax = sum((line.tax for line in lines), shipping_tax)
    on_top = nothing if rules.prices_include_tax else tax
    return Totals(
        subtotal=subtotal,
        discount=nothing,
        shipping=shipping,
        shipping_tax=shipping_tax,
        tax=tax,
        total=_within_books(subtotal + shipping + on_top),
    )


def refund_shares(amount: Money, *, paid: Sequence[Decimal], refunded: Sequence[Decimal]) -> list[Money]:
    """Spread a refund over parts in proportion to what is left of each, by largest remainder.

    No part is ever given back more than was paid for it, or less than nothing, and the refund of all
    that is left is exactly all that is left of each part. (Differences of cumulative shares would
    not do: by largest remainder a part can lose a cent while the whole grows.)
    """
    return share(amount, [whole - back for whole, back in zip(paid, refunded, strict=True)])


def _within_books(amount: Money) -> Money:
    if abs(amount.amount) >= MAX:
        raise TooExpensive
    return amount
