"""The arithmetic: what is shown adds up, for any prices, rates and quantities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.order import pricing
from shop.money import Money, decimals, share

CURRENCIES = st.sampled_from(["EUR", "JPY", "JOD"])
RATES = st.decimals(0, 99, places=2)


@st.composite
def carts(draw: st.DrawFn) -> tuple[list[pricing.Line], Money, pricing.TaxRules]:
    """Lines, a price of shipping, and the taxes of a country."""
    currency = draw(CURRENCIES)
    rules = pricing.TaxRules(
        percent={"standard": draw(RATES), "reduced": draw(RATES)}, prices_include_tax=draw(st.booleans())
    )
    money = st.decimals(0, 100_000, places=decimals(currency)).map(lambda amount: Money(amount, currency))
    lines = [
        pricing.line(
            sku=f"S{index}",
            name="x",
            quantity=draw(st.integers(1, 999)),
            unit_price=draw(money),
            tax_class=draw(st.sampled_from(["standard", "reduced", "unheard-of"])),
            rules=rules,
        )
        for index in range(draw(st.integers(1, 6)))
    ]
    return lines, draw(money), rules


@given(carts())
def test_totals_are_the_sums_of_what_is_shown(cart: tuple[list[pricing.Line], Money, pricing.TaxRules]) -> None:
    """Subtotal, tax and total, whichever side of the price the tax is on."""
    lines, shipping, rules = cart
    totals = pricing.add_up(lines, shipping=shipping, shipping_class="standard", rules=rules)
    assert totals.subtotal.amount == sum(line.total.amount for line in lines)
    assert totals.tax.amount == sum(line.tax.amount for line in lines) + totals.shipping_tax.amount
    on_top = Decimal(0) if rules.prices_include_tax else totals.tax.amount
    assert totals.total.amount == totals.subtotal.amount + shipping.amount + on_top


@given(carts())
def test_tax_is_rounded_half_up_per_line(cart: tuple[list[pricing.Line], Money, pricing.TaxRules]) -> None:
    """Never further than half of the smallest unit from the exact tax, and a tie goes up."""
    for line in cart[0]:
        whole = 100 + line.tax_rate if cart[2].prices_include_tax else Decimal(100)
        off = line.tax.amount - line.total.amount * line.tax_rate / whole
        assert -line.tax.unit / 2 < off + Decimal("1e-20")
        assert off <= line.tax.unit / 2 + Decimal("1e-20")


@pytest.mark.parametrize(
    ("price", "rate", "included", "tax"),
    [("119.00", "19", True, "19.00"), ("0.05", "10", False, "0.01"), ("10.00", "0", True, "0.00")],
)
def test_known_taxes(price: str, rate: str, included: bool, tax: str) -> None:
    """By hand: contained, on top (half a cent goes up), none."""
    rules = pricing.TaxRules(percent={"standard": Decimal(rate)}, prices_include_tax=included)
    assert rules.tax(Money.parse(price, "EUR"), "standard") == Money.parse(tax, "EUR")


def test_an_unknown_country_is_not_taxed() -> None:
    """No rates, no tax."""
    assert pricing.TaxRules(percent={}).tax(Money.parse("10.00", "EUR"), "standard") == Money.zero("EUR")


def test_what_the_books_cannot_hold_is_refused() -> None:
    """A line, or a sum of lines, beyond the columns."""
    with pytest.raises(pricing.TooExpensive):
        pricing.line(
            sku="S",
            name="x",
            quantity=999,
            unit_price=Money(Decimal("99999999999"), "EUR"),
            tax_class="standard",
            rules=pricing.TaxRules(percent={}),
        )


@given(st.data())
def test_refunds_never_give_a_line_more_than_it_cost(data: st.DataObject) -> None:
    """Any sequence of refunds: each adds up, no share is negative, and the last cent empties every line."""
    currency = data.draw(CURRENCIES)
    unit = Money.zero(currency).unit
    paid = [unit * n for n in data.draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=6))]
    refunded = [Decimal(0)] * len(paid)
    left = sum(paid, Decimal(0))
    for last in (False,) * 7 + (True,):
        if not left:
            break
        amount = left if last else unit * data.draw(st.integers(1, int(left / unit)))
        shares = pricing.refund_shares(Money(amount, currency), paid=paid, refunded=refunded)
        assert sum(part.amount for part in shares) == amount
        assert all(part.amount >= 0 for part in shares)
        refunded = [back + part.amount for back, part in zip(refunded, shares, strict=True)]
        assert all(back <= whole for back, whole in zip(refunded, paid, strict=True))
        left -= amount
    assert refunded == paid


def test_differences_of_cumulative_shares_would_take_money_back() -> None:
    """Why shares are of what is left: by largest remainder a part can shrink while the whole grows."""
    weights = [Decimal(6), Decimal(6), Decimal(2)]
    ten, eleven = (share(Money(Decimal(whole), "JPY"), weights) for whole in (10, 11))
    assert eleven[2].amount < ten[2].amount
