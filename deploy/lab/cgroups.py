"""The control groups of one lab: a folder of its own in each hierarchy, under its own name."""

import time
from collections.abc import Iterator
from pathlib import Path

from deploy.lab.lab import Lab, LabError

_MOUNT = Path("/sys/fs/cgroup")
_EMPTY_WITHIN_S = 10.0


def make(lab: Lab) -> None:
    """Where the kubelet will put its pods. It expects the folders to be there."""
    for hierarchy in _hierarchies():
        (hierarchy / lab.name).mkdir(exist_ok=True)


def remove(lab: Lab) -> None:
    """Remove them, all processes in them having ended. Raises LabError if one did not."""
    deadline = time.monotonic() + _EMPTY_WITHIN_S
    while left := list(_folders(lab)):
        for folder in left:
            _remove_tree(folder)
        if time.monotonic() > deadline:
            raise LabError(f"A control group is still in use: {left[0]}")


def left(lab: Lab) -> list[Path]:
    return list(_folders(lab))


def _folders(lab: Lab) -> Iterator[Path]:
    return (path for hierarchy in _hierarchies() if (path := hierarchy / lab.name).is_dir())


def _hierarchies() -> Iterator[Path]:
    """Version 2 is one hierarchy; version 1 has one per controller, and links beside them."""
    if (_MOUNT / "cgroup.controllers").exists():
        yield _MOUNT
        return
    yield from (path for path in _MOUNT.iterdir() if path.is_mount() and not path.is_symlink())


def _remove_tree(folder: Path) -> None:
    """Inner ones first. One that still has a process stays, as does all around it."""
    for inner in sorted(folder.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
        _rmdir(inner)
    _rmdir(folder)


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        time.sleep(0.01)  # the kernel takes a moment after a process has ended
