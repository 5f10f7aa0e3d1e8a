"""Amounts: decimal strings with exactly the decimals their currency has."""

import re
from decimal import Decimal

from simulators.gateway.errors import Refusal

# ISO 4217: every other currency has two.
WHOLE = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
    "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
DECIMALS = {
    **dict.fromkeys(WHOLE, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}

_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,4})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def parse_currency(value: object) -> str:
    """An ISO 4217 code. Raises Refusal ``invalid_currency``."""
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise Refusal(422, "invalid_currency", "currency must be a three-letter ISO 4217 code")
    return value


def parse_amount(value: object) -> Decimal:
    """A positive amount in as many decimals as were written. Raises Refusal ``invalid_amount``."""
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value) or not Decimal(value):
        raise Refusal(422, "invalid_amount", 'amount must be a positive decimal string such as "19.99"')
    return Decimal(value)


def check_decimals(amount: Decimal, currency: str) -> None:
    """Raises Refusal ``invalid_amount`` unless the amount is written in the currency's decimals."""
    expected = DECIMALS.get(currency, 2)
    if -int(amount.as_tuple().exponent) != expected:
        raise Refusal(422, "invalid_amount", f"amounts in {currency} have {expected} decimals")


def as_text(amount: Decimal, currency: str) -> str:
    """The amount in its currency's own decimals."""
    return f"{amount:.{DECIMALS.get(currency, 2)}f}"
