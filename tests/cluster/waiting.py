"""Waiting for N equal answers: after a change, the first answer on a pooled connection may be the old one."""

import time
from collections.abc import Callable
from typing import Any

_POLL_S = 0.2


def settled(ask: Callable[[], Any], wanted: Any, *, times: int = 3, within_s: float = 30.0) -> None:
    """Ask until the answer was ``wanted`` so many times in a row. Raises AssertionError with the last answer."""
    deadline, in_a_row, answer = time.monotonic() + within_s, 0, None
    while in_a_row < times:
        answer = ask()
        in_a_row = in_a_row + 1 if answer == wanted else 0
        assert in_a_row == times or time.monotonic() < deadline, f"wanted {wanted!r}, last answer {answer!r}"
        if not in_a_row:
            time.sleep(_POLL_S)
