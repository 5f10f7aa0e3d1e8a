"""Steps of something that takes a while: what is being done, how long it took, and how long last time."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.lab import cache


class Progress:
    """Prints one line per step. Durations are kept in the cache, for the next time's line."""

    def __init__(self, *, began: float | None = None) -> None:
        self._began = time.monotonic() if began is None else began

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time ``what``; its duration is remembered only if it succeeds."""
        known = _known().get(what)
        expected = f" (last time {known:.0f} s)" if known is not None and known >= 1 else ""
        print(f"{self._elapsed()}  {what}{expected}", flush=True)
        start = time.monotonic()
        yield
        _remember(what, time.monotonic() - start)

    def say(self, what: str) -> None:
        print(f"{self._elapsed()}  {what}", flush=True)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"


def _file() -> Path:
    return cache.folder() / "durations.json"


def _known() -> dict[str, float]:
    try:
        known: dict[str, float] = json.loads(_file().read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known


_REMEMBERING = threading.Lock()  # two steps may be under way at once


def _remember(what: str, seconds: float) -> None:
    try:
        with _REMEMBERING:
            cache.write(_file(), json.dumps(_known() | {what: round(seconds, 1)}, indent=1))
    except OSError as exc:
        print(f"The cache cannot be written: {exc}", file=sys.stderr)
