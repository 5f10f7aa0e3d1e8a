from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.money import Money, share

currencies = st.sampled_from(["JPY", "EUR", "JOD"])
amounts = st.decimals(0, 10**9, places=3, allow_nan=False)


@given(amounts, currencies, st.lists(st.decimals(0, 10**6, places=3), min_size=1, max_size=60))
def test_parts_sum_to_the_whole(amount: Decimal, currency: str, weights: list[Decimal]) -> None:
    """Whatever is shared over whatever weights, nothing is lost or made by rounding."""
    whole = Money(amount, currency)
    parts = share(whole, weights)
    assert sum((part.amount for part in parts), Decimal(0)) == whole.amount


@given(amounts, currencies, st.lists(st.decimals(1, 10**6, places=3), min_size=1, max_size=60))
def test_no_part_is_more_than_a_unit_off(amount: Decimal, currency: str, weights: list[Decimal]) -> None:
    """A part differs from its exact share by less than the currency's smallest unit."""
    whole = Money(amount, currency)
    total = sum(weights, Decimal(0))
    for part, weight in zip(share(whole, weights), weights, strict=True):
        assert abs(part.amount - whole.amount * weight / total) < whole.unit


@pytest.mark.parametrize(("text", "currency"), [("19.999", "EUR"), ("1.5", "JPY"), ("NaN", "EUR"), ("1e40", "EUR")])
def test_refuses_what_the_currency_cannot_hold(text: str, currency: str) -> None:
    """An amount with too many decimals, or none at all, is never rounded into shape."""
    with pytest.raises(ValueError, match=r"."):
        Money.parse(text, currency)


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "20"), ("EUR", "20.00"), ("JOD", "20.000")])
def test_shows_the_currencys_own_decimals(currency: str, shown: str) -> None:
    """The wire form is a decimal string with 0, 2 or 3 decimals."""
    assert Money(Decimal(20), currency).json() == {"amount": shown, "currency": currency}


def test_currencies_do_not_mix() -> None:
    """Adding euros to yen is an error, not a number."""
    with pytest.raises(ValueError, match="do not mix"):
        Money(Decimal(1), "EUR") + Money(Decimal(1), "JPY")
