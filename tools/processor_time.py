"""Processor time of processes, in user and kernel mode, from /proc."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _OWN, _WITH_ENDED = 1, slice(11, 13), slice(11, 15)  # fields of /proc/<pid>/stat after the name


def of(pids: Iterable[int]) -> float:
    """Seconds that these have used so far. Raises OSError if one has ended."""
    return sum(_seconds(_fields(pid), _OWN) for pid in pids)


def of_tree(pid: int) -> float:
    """Seconds of a process and all below it, with those that have ended and were waited for."""
    parents, used = {}, {}
    for each, fields in _all():
        parents[each], used[each] = int(fields[_PARENT]), _seconds(fields, _WITH_ENDED)
    return sum(seconds for child, seconds in used.items() if _is_below(child, pid, parents))


def _all() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # ended meanwhile
                yield int(entry.name), _fields(int(entry.name))


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _seconds(fields: list[str], which: slice) -> float:
    return sum(map(int, fields[which])) * _TICK_S


def _is_below(child: int, ancestor: int, parents: dict[int, int]) -> bool:
    while child and child != ancestor:
        child = parents.get(child, 0)
    return child == ancestor
