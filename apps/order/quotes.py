"""Quotes: what an order would cost, frozen for a while."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.db.models.lookups import LessThan

from apps.cart import client as cart
from apps.inventory import client as inventory
from apps.order import pricing
from apps.order.models import Order, Quote, TaxRate
from apps.product import client as product
from apps.shipping import client as shipping
from shop.env import env
from shop.transactions import command

LONGEST = 100  # lines of one quote

_KEPT_FOR = timedelta(days=30)  # a quote nobody ordered from, after it expired


class EmptyCart(Exception):
    """There is nothing to quote."""


class TooManyLines(Exception):
    """More than ``LONGEST`` SKUs."""


class UnknownSku(Exception):
    """``skus`` do not exist, or are not for sale."""

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(", ".join(skus))
        self.skus = list(skus)


class MixedCurrencies(Exception):
    """The lines have prices in different currencies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who asks: a customer, or a guest with (perhaps) the token of a cart."""

    customer_id: UUID | None = None
    email: str = ""  # of a guest
    cart_token: str = ""  # of a guest

    @property
    def cart_token_hash(self) -> str:
        """SHA-256 of the token, hexadecimal; "" without one."""
        return hashlib.sha256(self.cart_token.encode()).hexdigest() if self.cart_token else ""

    def may_use(self, quote: Quote) -> bool:
        """Whether the quote is this buyer's, or belongs to whoever knows its id."""
        if quote.customer_id:
            return quote.customer_id == self.customer_id
        if quote.cart_token_hash:
            return hmac.compare_digest(quote.cart_token_hash, self.cart_token_hash)
        return True


def make(*, buyer: Buyer, address: Mapping[str, str], method: str, lines: Mapping[str, int] | None = None) -> Quote:
    """Quote ``lines`` (SKU -> units), or the buyer's cart; one call to each peer.

    Raises EmptyCart, TooManyLines, UnknownSku, MixedCurrencies, ``pricing.TooExpensive``,
    ``inventory.client.OutOfStock``, ``shipping.client.MethodUnavailable``; NoAnswer of any peer.
    """
    cart_id = ""
    if lines is None:
        contents = cart.contents(customer_id=str(buyer.customer_id or ""), cart_token=buyer.cart_token)
        cart_id, lines = contents.cart_id, contents.lines
    if not lines:
        raise EmptyCart
    if len(lines) > LONGEST:
        raise TooManyLines
    found = _priced(lines)
    _check_stock(lines)
    currency = _one_currency(found)
    rate = shipping.rate(
        method=method,
        country=address["country"],
        postal_code=address["postal_code"],
        weight_g=sum(found[sku].weight_g * units for sku, units in lines.items()),
        currency=currency,
    )
    rules = _tax_rules(address["country"])
    priced = [
        pricing.line(
            sku=sku,
            name=found[sku].name,
            quantity=units,
            unit_price=found[sku].unit_price,
            tax_class=found[sku].tax_class,
            rules=rules,
        )
        for sku, units in lines.items()
    ]
    totals = pricing.add_up(priced, shipping=rate.price, shipping_class=rate.tax_class, rules=rules)
    return _write(
        quote=Quote(
            customer_id=buyer.customer_id,
            email=buyer.email,
            cart_id=cart_id,
            cart_token_hash=buyer.cart_token_hash if cart_id and not buyer.customer_id else "",
            currency=currency,
            prices_include_tax=rules.prices_include_tax,
            shipping_address=dict(address),
            shipping_method=rate.method,
            shipping_name=rate.name,
            lines=[line.json(position) for position, line in enumerate(priced, 1)],
            **{name: getattr(totals, name).amount for name in pricing.Totals.__slots__},
        )
    )


@command
def _write(*, quote: Quote) -> Quote:
    """Write the quote; the database's clock says until when it holds."""
    quote.expires_at = Now() + timedelta(seconds=env.quote_lifetime_s)
    quote.save(force_insert=True)
    return quote


def find(quote_id: UUID, *, buyer: Buyer) -> Quote | None:
    """The quote, with ``is_expired`` by the database's clock; None where there is none, or it is someone else's."""
    quote = Quote.objects.annotate(is_expired=LessThan(F("expires_at"), Now())).filter(pk=quote_id).first()
    return quote if quote and buyer.may_use(quote) else None


@command
def tidy_quotes() -> int:
    """Forget one batch of quotes that nobody ordered from, 30 days after they expired; how many."""
    taken = Order.objects.filter(quote=OuterRef("pk"))
    old = Quote.objects.filter(~Exists(taken), expires_at__lt=Now() - _KEPT_FOR).values("pk")[:1000]
    return Quote.objects.filter(pk__in=old).delete()[0]


def _priced(lines: Mapping[str, int]) -> Mapping[str, product.Priced]:
    found = product.prices(skus=lines.keys())
    if unknown := sorted(lines.keys() - found.keys()):
        raise UnknownSku(unknown)
    return found


def _check_stock(lines: Mapping[str, int]) -> None:
    levels = inventory.available(skus=lines.keys())
    if short := {sku: units - levels.get(sku, 0) for sku, units in lines.items() if units > levels.get(sku, 0)}:
        raise inventory.OutOfStock(short)


def _one_currency(found: Mapping[str, product.Priced]) -> str:
    currencies = {priced.unit_price.currency for priced in found.values()}
    if len(currencies) > 1:
        raise MixedCurrencies
    return currencies.pop()


def _tax_rules(country: str) -> pricing.TaxRules:
    rates = TaxRate.objects.filter(country=country).values_list("tax_class", "percent", "country__prices_include_tax")
    rows = list(rates)
    percent = {tax_class: percent for tax_class, percent, _ in rows}
    return pricing.TaxRules(percent=percent, prices_include_tax=all(included for *_, included in rows))
