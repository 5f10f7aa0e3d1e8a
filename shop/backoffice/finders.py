"""Finders: what the one search box of the admin asks each role."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest

LIMIT = 5  # hits of one finder: the box finds the one thing, lists are for browsing


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: ``title`` names it, ``note`` tells it from others, ``href`` is its page."""

    title: str
    note: str
    href: str


Finder = Callable[[str, int], list[Hit]]


@dataclass(frozen=True, slots=True)
class Declared:
    """A finder asked for those who have ``permission``."""

    role: str
    permission: str
    find: Finder


_declared: list[Declared] = []


def finder(*, role: str, permission: str) -> Callable[[Finder], Finder]:
    """Declare a finder: a function of the text and a limit to hits, best first, each read by an index."""

    def declare(find: Finder) -> Finder:
        _declared.append(Declared(role, permission, find))
        return find

    return declare


def hits(request: HttpRequest, role: str, text: str) -> list[Hit]:
    """What ``role``'s finders know under ``text`` that the reader may see."""
    asked = [each for each in _declared if each.role == role and request.user.has_perm(each.permission)]
    return [hit for each in asked for hit in each.find(text, LIMIT)]
