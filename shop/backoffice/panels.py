"""Panels: fragments of one role's admin on the pages of any role, fetched by the browser.

So a page of the split shows what several roles know, each with its own session and permissions, and
a role that does not answer costs its panel only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

Shown = tuple[str, Mapping[str, Any]]
Panel = Callable[[HttpRequest, str], Shown]


@dataclass(frozen=True, slots=True)
class Declared:
    """A panel that may be fetched by those who have ``permission``; everyone signed in, where that is empty."""

    permission: str
    show: Panel


_declared: dict[tuple[str, str], Declared] = {}


class DeclaredTwice(Exception):
    """A role has a panel of that name already."""


def panel(*, role: str, name: str, permission: str) -> Callable[[Panel], Panel]:
    """Declare ``role``'s panel ``name``: a function of the request and a key, to a template and its context.

    It raises Http404 where there is nothing under the key. Raises DeclaredTwice.
    """

    def declare(show: Panel) -> Panel:
        if (role, name) in _declared:
            raise DeclaredTwice(f"{role} {name}")
        _declared[role, name] = Declared(permission, show)
        return show

    return declare


def declared(role: str, name: str) -> Declared | None:
    """The panel, where ``role`` is served by this process and has it."""
    return _declared.get((role, name))
