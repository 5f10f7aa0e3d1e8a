"""Cards of the admin's first page: one figure each, with a small chart and a link to the rows behind it.

An app declares its own in ``cards.py``; each takes one or two statements, bounded by an index.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from shop.env import env


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What one card shows: ``value`` in ``unit``, ``note`` below it, ``series`` as its chart, oldest first.

    ``series_note`` says what the bars are, ``span`` how far they reach back.
    ``href`` leads to the rows that are counted. ``alarm`` marks what waits for a person.
    """

    title: str
    value: str
    note: str = ""
    href: str = ""
    series: Sequence[float] = ()
    series_note: str = ""
    span: str = ""
    unit: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A card that may be asked for. ``role`` is empty for one that every process has."""

    role: str
    position: int
    permission: str
    make: Callable[[], Card | None]


_declared: list[Declared] = []


def card(
    *, role: str, position: int, permission: str
) -> Callable[[Callable[[], Card | None]], Callable[[], Card | None]]:
    """Declare a card of ``role``, shown to those who have ``permission``; lower positions come first."""

    def declare(make: Callable[[], Card | None]) -> Callable[[], Card | None]:
        _declared.append(Declared(role, position, permission, make))
        return make

    return declare


def shown_to(request: HttpRequest) -> list[Card]:
    """The cards of this process's roles that the reader may see, in order. A card may have nothing to say."""
    user = request.user
    if isinstance(user, AnonymousUser):
        return []
    mine = [each for each in _declared if each.role in ("", *env.serves) and user.has_perm(each.permission)]
    made = [each.make() for each in sorted(mine, key=lambda each: each.position)]
    return [each for each in made if each is not None]
