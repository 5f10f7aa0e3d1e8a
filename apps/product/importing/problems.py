"""What is wrong with a file, row by row: told in full by number, in detail up to a bound."""

from collections.abc import Iterator
from dataclasses import dataclass

SHOWN = 100  # a file with more bad rows than this has one cause, and the first rows tell it


@dataclass(frozen=True, slots=True, order=True)
class RowProblem:
    """``line`` is where the row starts in the file, counted from 1; ``column`` is named as the file names it."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.message}"


class Problems:
    """Collects problems; keeps the first ``limit`` and the number of all."""

    def __init__(self, limit: int = SHOWN) -> None:
        self._limit = limit
        self._kept: list[RowProblem] = []
        self.total = 0

    def add(self, line: int, column: str, message: str) -> None:
        self.total += 1
        if len(self._kept) < self._limit:
            self._kept.append(RowProblem(line, column, message))

    def __iter__(self) -> Iterator[RowProblem]:
        return iter(sorted(self._kept))

    def __len__(self) -> int:
        return self.total


class Unreadable(Exception):
    """The file is no table of products; the message says what it lacks, in one line."""
