"""A day in the shop, planned: who buys what at which hour. The same seed and catalogue give the same day.

Nothing here talks to anybody; ``tools.demo`` replays the plan.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate

# Share of a day's orders by hour, after the usual curve of a shop for the home: quiet nights, a bump at
# lunch, most of it in the evening.
RATES = (4, 2, 1, 1, 1, 3, 8, 16, 26, 34, 40, 44, 52, 46, 40, 40, 44, 52, 62, 74, 80, 66, 36, 14)
ZIPF = 1.05  # exponent of the favourites: the first product sells about twice as often as the second
RETURNING = 4  # orders of one account on average
LONGEST = 4  # lines

ADDRESSES = (
    {"line1": "12 Lindenstrasse", "city": "Berlin", "postal_code": "10969", "country": "DE"},
    {"line1": "3 Elbchaussee", "city": "Hamburg", "postal_code": "22765", "country": "DE"},
    {"line1": "40 Rue de Rivoli", "city": "Paris", "postal_code": "75004", "country": "FR"},
    {"line1": "7 Mariahilfer Strasse", "city": "Wien", "postal_code": "1060", "country": "AT"},
    {"line1": "21 Prinsengracht", "city": "Amsterdam", "postal_code": "1015", "country": "NL"},
)


class Way(StrEnum):
    """How somebody comes to a quote."""

    ACCOUNT = "account"  # signed in, from the cart
    GUEST_CART = "guest cart"  # without an account, from a cart
    GUEST = "guest"  # without either: straight from a product's page


class Card(StrEnum):
    """The payment company's test cards."""

    VISA = "tok_visa"  # declined one time in ten
    GOOD = "tok_always_ok"
    DECLINED = "tok_declined"
    POOR = "tok_insufficient_funds"
    SLOW = "tok_timeout_then_ok"  # authorised, but the answer is lost once


class Afterwards(StrEnum):
    """What happens to an order that was confirmed, beside being delivered."""

    NOTHING = ""
    CANCEL = "cancel"
    REFUND_ALL = "refund all"
    REFUND_LINE = "refund a line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One cart or order; ``at_h`` is the hour of the planned day, with its fraction."""

    number: int
    at_h: float
    way: Way
    buyer: int  # of an account, which buys more than once; of a guest, the visit's own number
    lines: dict[str, int]  # SKU -> units
    address: dict[str, str]
    card: Card
    second_card: Card | None = None  # tried when the first is declined
    abandoned: bool = False  # a cart that is left
    afterwards: Afterwards = Afterwards.NOTHING
    rating: int | None = None  # of a review, once it is delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Visits in the order of their hours, and how many of them become an order if nothing is refused."""

    seed: str
    visits: tuple[Visit, ...]
    favourites: tuple[str, ...] = field(default=())  # SKUs, the one that sells most first

    @property
    def accounts(self) -> list[int]:
        return sorted({visit.buyer for visit in self.visits if visit.way == Way.ACCOUNT})

    @property
    def orders(self) -> int:
        return sum(not visit.abandoned for visit in self.visits)


def plan(*, seed: str, orders: int, skus: Sequence[str]) -> Day:
    """A day of ``orders`` orders, and as many left carts as a shop has, for those of ``skus`` that are liked."""
    draw = random.Random(f"{seed}/{orders}")
    favourites = draw.sample(sorted(skus), len(skus))
    weights = list(accumulate(1 / rank**ZIPF for rank in range(1, len(favourites) + 1)))
    hours = sorted(draw.choices(range(24), RATES)[0] + draw.random() for _ in range(orders + orders // 8))
    left = set(draw.sample(range(len(hours)), len(hours) - orders))
    visits = tuple(
        _visit(draw, number, at_h, _lines(draw, favourites, weights), abandoned=number in left, orders=orders)
        for number, at_h in enumerate(hours)
    )
    return Day(seed=seed, visits=visits, favourites=tuple(favourites))


def _visit(
    draw: random.Random, number: int, at_h: float, lines: dict[str, int], *, abandoned: bool, orders: int
) -> Visit:
    ways = [Way.ACCOUNT, Way.GUEST_CART] if abandoned else list(Way)
    way = draw.choices(ways, [50, 20, 30][: len(ways)])[0]
    card = draw.choices([Card.VISA, Card.GOOD, Card.DECLINED, Card.POOR, Card.SLOW], [70, 24, 3, 2, 1])[0]
    return Visit(
        number=number,
        at_h=at_h,
        way=way,
        buyer=draw.randrange(max(1, orders // RETURNING)) if way == Way.ACCOUNT else number,
        lines=lines,
        address=draw.choice(ADDRESSES),
        card=card,
        second_card=draw.choice([Card.GOOD, None]),
        abandoned=abandoned,
        afterwards=draw.choices(list(Afterwards), [88, 6, 2, 4])[0],
        rating=draw.choices([5, 4, 3, 2, 1], [50, 28, 10, 6, 6])[0] if draw.random() < 0.25 else None,
    )


def _lines(draw: random.Random, favourites: Sequence[str], weights: Sequence[float]) -> dict[str, int]:
    count = draw.choices(range(1, LONGEST + 1), [60, 25, 10, 5])[0]
    return {
        sku: draw.choices([1, 2, 3], [80, 15, 5])[0] for sku in draw.choices(favourites, cum_weights=weights, k=count)
    }
