"""The menu of every admin page: what people do all day, whichever role's process draws it.

An app declares its own entries in ``menu.py``. A process that serves one role reads those of all roles, so such
a module imports nothing else of its app.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.http import HttpRequest

from shop.backoffice.links import admin_url
from shop.roles import ROLES

SECTIONS = ("Sales", "Catalogue", "Warehouse", "Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``page`` is below the admin of ``role``; those who have ``permission`` see it, lower positions first."""

    role: str
    section: str
    position: int
    title: str
    icon: str
    page: str
    permission: str

    @property
    def link(self) -> str:
        return admin_url(self.role, self.page)


_declared: list[Entry] = []


class UnknownSection(Exception):
    """The menu has no section of that name."""


def entry(*, role: str, section: str, position: int, title: str, icon: str, page: str, permission: str) -> None:
    """Declare an entry of ``role``. Raises UnknownSection."""
    if section not in SECTIONS:
        raise UnknownSection(section)
    _declared.append(
        Entry(role=role, section=section, position=position, title=title, icon=icon, page=page, permission=permission)
    )


def shown_to(request: HttpRequest) -> list[dict[str, Any]]:
    """The sections in which the reader may see something, in unfold's form."""
    mine = [each for each in _entries() if request.user.has_perm(each.permission)]
    sections = [
        {"title": title, "items": [_item(request, each) for each in mine if each.section == title]}
        for title in SECTIONS
    ]
    return [section for section in sections if section["items"]]


@cache
def finding() -> list[str]:
    """The roles that the search box asks."""
    return [role.name for role in ROLES.values() if find_spec(f"{role.app}.finders")]


@cache
def _entries() -> list[Entry]:
    for role in ROLES.values():
        if find_spec(f"{role.app}.menu"):
            import_module(f"{role.app}.menu")
    return sorted(_declared, key=lambda each: (SECTIONS.index(each.section), each.position))


def _item(request: HttpRequest, shown: Entry) -> dict[str, Any]:
    here = request.path
    active = here == shown.link or (here.startswith(shown.link) and all(here != each.link for each in _entries()))
    return {"title": shown.title, "icon": shown.icon, "link": shown.link, "active": active, "has_permission": True}
