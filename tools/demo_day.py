"""A day in the shop, planned: who buys what at which hour. The same seed and catalogue give the same day.

Nothing here talks to anybody; ``tools.demo`` replays the plan.
"""

import random
from collections import Counter
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

_FIRST = "Anna Ben Clara David Elif Finn Greta Hugo Ines Jonas Katja Luis Marie Nils Olga Paul Rosa Samuel Tilda Yusuf"
_LAST = (
    "Albers Bauer Costa Dubois Eriksen Fischer Garnier Hofer Ivanova Jansen Keller Lang Moreau Novak Olsen Peters "
    "Richter Silva Tamm Urban Vogel Weber Zimmer"
)
FIRST_NAMES, LAST_NAMES = _FIRST.split(), _LAST.split()
OPINIONS = {
    5: (
        ("Exactly as pictured", "Well made, and it came two days later. I would buy it again."),
        ("A favourite already", "I use it every day."),
        ("Lovely", "Bought as a present and kept it."),
    ),
    4: (
        ("Good", "Solid and simple. The colour is a little darker than on my screen."),
        ("Does what it should", "A bit smaller than I thought, which is my own fault: the size is in the text."),
    ),
    3: (("All right", "Fine for the price, no more than that."),),
    2: (("Not for me", "Nicer in the picture than on the table."),),
    1: (("Arrived with a scratch", "The carton was dented as well. I have written to you."),),
}


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
    buyer: int  # one account buys more than once; a guest is somebody else each time
    lines: dict[str, int]  # SKU -> units
    address: dict[str, str]
    card: Card
    second_card: Card | None = None  # tried when the first is declined
    abandoned: bool = False  # a cart that is left
    afterwards: Afterwards = Afterwards.NOTHING
    rating: int | None = None  # of a review, once it is delivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Visits in the order of their hours."""

    seed: str
    visits: tuple[Visit, ...]
    favourites: tuple[str, ...] = field(default=())  # SKUs, the one that sells most first

    @property
    def accounts(self) -> list[int]:
        return sorted({visit.buyer for visit in self.visits if visit.way == Way.ACCOUNT})

    @property
    def wanted(self) -> Counter[str]:
        """Units of each SKU that somebody wants to buy, or leaves in a cart."""
        return sum((Counter(visit.lines) for visit in self.visits), Counter())


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
        buyer=draw.randrange(max(1, orders // RETURNING)) if way == Way.ACCOUNT else orders // RETURNING + 1 + number,
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


def name_of(buyer: int) -> str:
    """What a buyer is called: the first 460 of them all differently."""
    last, first = divmod(buyer * 7, len(FIRST_NAMES))  # neighbours in the list of orders have other names
    return f"{FIRST_NAMES[first]} {LAST_NAMES[last % len(LAST_NAMES)]}"


def opinion_of(visit: Visit) -> tuple[str, str]:
    """Title and text of the review that goes with the visit's rating."""
    known = OPINIONS[visit.rating or 5]
    return known[visit.number % len(known)]
