"""Hooks at which a test can make this process die, stall or lose an answer.

They sit in the transport, in commands, in emit and in the relay, and nowhere else. Off (no
FAULTS_DIR) a hook is one comparison. On, a fault is armed by a file in that folder named after the
point, holding ``exit``, ``lose`` or ``delay <seconds>``; whoever unlinks the file acts, so it fires
once, in one process. ``lose always`` holds until the file is removed. A UUID in a point is written
``ID``: a fault is armed before there is an order.
"""

import os
import re
import time
from pathlib import Path

from shop.env import env
from shop.errors import NoAnswer

EXIT_STATUS = 86  # tells a fault's exit from any other in the supervisor's log
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def file_of(folder: Path, point: str) -> Path:
    """The file that arms ``point``."""
    return folder / _UUID.sub("ID", point).replace("/", "_")


def at(point: str) -> None:
    """A place where a fault may be armed. Raises NoAnswer for ``lose``."""
    if env.faults is None:
        return
    armed = file_of(env.faults, point)
    try:
        action, _, argument = armed.read_text().strip().partition(" ")
        if argument != "always":
            armed.unlink()
    except FileNotFoundError:
        return
    _act(action, argument)


def _act(action: str, argument: str) -> None:
    if action == "exit":
        os._exit(EXIT_STATUS)
    if action == "lose":
        raise NoAnswer("lost by an armed fault")
    if action == "delay":
        time.sleep(float(argument))
