"""What each role can be asked by the audit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from shop.audit import shared
from shop.roles import ROLES

Fact = dict[str, Any]  # one thing others must agree with: at least "id", a string that sorts
FactsReader = Callable[[Sequence[str] | None, str, int], list[Fact]]


@dataclass(slots=True)
class Book:
    """One role's part: rule name -> SQL, fact name -> reader, and what is still under way."""

    rules: dict[str, str] = field(default_factory=dict)
    facts: dict[str, FactsReader] = field(default_factory=dict)
    pending: dict[str, Callable[[], int]] = field(default_factory=dict)


_books: dict[str, Book] = {role: Book() for role in ROLES}


def rule(name: str, sql: str, *, role: str) -> None:
    """Declare a rule of ``role``: a SELECT of (id, detail), both text, of every row that breaks it.

    All rules of a role run in one snapshot.
    """
    _books[role].rules[name] = sql


def facts(name: str) -> Callable[[FactsReader], FactsReader]:
    """Declare a reader ``(ids, after, limit)`` of facts by id: those of ``ids``, or a page after ``after``."""

    def register(reader: FactsReader) -> FactsReader:
        _books[_role(reader)].facts[name] = reader
        return reader

    return register


def pending(counter: Callable[[], int]) -> Callable[[], int]:
    """Declare a count of what is under way and will end by itself: ``--drain`` waits for zero."""
    _books[_role(counter)].pending[counter.__name__] = counter
    return counter


def book_of(role: str) -> Book:
    """The declarations of ``role``, which this process must serve."""
    import_module(f"{ROLES[role].app}.audit")
    book = _books[role]
    book.rules |= shared.rules(role)
    return book


def rule_names() -> Mapping[str, Sequence[str]]:
    return {role: sorted(book_of(role).rules) for role in ROLES}


def _role(function: Callable[..., Any]) -> str:
    return function.__module__.split(".")[1]
