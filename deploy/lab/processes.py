"""Processes of a lab, found by the mark in their environment: no file can be stale or missing."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deploy.lab.lab import MARK, Lab, LabError

_GONE_WITHIN_S = 30.0


def init_of(lab: Lab) -> int | None:
    """Process 1 of the lab's namespaces, by its number out here; None if the lab does not run."""
    return next((pid for pid in marked(lab) if _number_inside(pid) == 1), None)


def running(lab: Lab) -> int:
    """The same for callers to whom a running lab is a condition. Raises LabError."""
    if pid := init_of(lab):
        return pid
    raise LabError(f"No lab runs in {lab.folder}: start it with make cluster")


def marked(lab: Lab) -> Iterator[int]:
    """Every process that was started into the lab, except those that this one descends from."""
    mark = f"{MARK}={lab.folder}".encode()
    own = set(_ancestors(os.getpid()))
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) not in own:
            with suppress(OSError):  # ended meanwhile
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


def inside(init: int) -> Iterator[int]:
    """``init`` and all that descends from it: the node's programs and every process of a container."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):  # ended meanwhile
                children.setdefault(int(_status(int(entry.name), "PPid")[0]), []).append(int(entry.name))
    todo = [init]
    while todo:
        pid = todo.pop()
        yield pid
        todo += children.get(pid, [])


def end(*pids: int) -> None:
    """Kill and wait until they are gone, with everything in the namespaces that they were process 1 of.

    Raises LabError if one outlives that, as a process in an uninterruptible call may.
    """
    for pid in pids:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not select.select([handle], [], [], _GONE_WITHIN_S)[0]:
                    raise LabError(f"Process {pid} does not end.")
            finally:
                os.close(handle)


def _status(pid: int, field: str) -> list[str]:
    """Values of a line of /proc/PID/status. Raises OSError when the process is gone."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, values = line.partition(":")
        if name == field:
            return values.split()
    return []


def _number_inside(pid: int) -> int:
    try:
        numbers = _status(pid, "NSpid")
    except OSError:
        return 0
    return int(numbers[-1]) if len(numbers) > 1 else 0


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 0:
        yield pid
        try:
            pid = int(_status(pid, "PPid")[0])
        except (OSError, IndexError):
            return
