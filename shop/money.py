"""Money: a decimal amount with its currency's own number of decimals, never a float."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self

# ISO 4217 minor units; every currency not named here has two.
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW"), 0),
    **dict.fromkeys(("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
MAX = Decimal("1e11")  # below what the columns hold, so that a sum of lines still fits


def decimals(currency: str) -> int:
    """Number of decimals of an ISO 4217 currency (JPY 0, EUR 2, JOD 3)."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """``amount`` of ``currency``, always quantised to the currency's decimals.

    Arithmetic refuses to mix currencies (ValueError): nothing is converted by accident.
    """

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", self.amount.quantize(self.unit, ROUND_HALF_UP))

    @classmethod
    def parse(cls, amount: str, currency: str) -> Self:
        """Read a decimal string. Raises ValueError for too many decimals, or no number at all."""
        try:
            value = Decimal(amount)
        except InvalidOperation:
            raise ValueError(f"{amount!r} is not a decimal number") from None
        if not value.is_finite() or abs(value) >= MAX:
            raise ValueError("the amount is out of range")
        if value != value.quantize(_unit(currency)):
            raise ValueError(f"{currency} has {decimals(currency)} decimals")
        return cls(value, currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(Decimal(0), currency)

    @property
    def unit(self) -> Decimal:
        """The smallest amount of this currency."""
        return _unit(self.currency)

    def json(self) -> dict[str, str]:
        """The form used on every wire: ``{"amount": "19.99", "currency": "EUR"}``."""
        return {"amount": f"{self.amount:f}", "currency": self.currency}

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __mul__(self, factor: int | Decimal) -> "Money":
        """Round half up to the currency's decimals."""
        return Money(self.amount * factor, self.currency)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.amount


def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-decimals(currency))


def share(whole: Money, weights: Sequence[Decimal]) -> list[Money]:
    """Split ``whole`` in proportion to ``weights`` by largest remainder: the parts sum to it exactly.

    Equal remainders go to the earlier part, so a split is repeatable. All-zero weights share evenly.
    """
    if not weights:
        return []
    total = sum(weights, Decimal(0))
    parts = list(weights) if total else [Decimal(1)] * len(weights)
    total = total or Decimal(len(parts))
    exact = [whole.amount * part / total for part in parts]
    floors = [value.quantize(whole.unit, ROUND_FLOOR) for value in exact]
    left = int((whole.amount - sum(floors, Decimal(0))) / whole.unit)
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for index in by_remainder[:left]:
        floors[index] += whole.unit
    return [Money(value, whole.currency) for value in floors]
