"""Hooks at which a test can make this process die, stall or lose an answer.

They sit in the transport, in commands, in emit and in the relay, and nowhere else. Off (no
FAULTS_DIR) a hook is one comparison. On, a fault is armed by a file in that folder named after the
point, holding ``exit``, ``lose`` or ``delay <seconds>``; whoever unlinks the file acts, so it fires
once, in one process.
"""

import os
import time

from shop.env import env
from shop.errors import NoAnswer

EXIT_STATUS = 86  # tells a fault's exit from any other in the supervisor's log


def at(point: str) -> None:
    """A place where a fault may be armed. Raises NoAnswer for ``lose``."""
    if env.faults is None:
        return
    armed = env.faults / point.replace("/", "_")
    try:
        action, _, seconds = armed.read_text().strip().partition(" ")
        armed.unlink()
    except FileNotFoundError:
        return
    _act(action, seconds)


def _act(action: str, seconds: str) -> None:
    if action == "exit":
        os._exit(EXIT_STATUS)
    if action == "lose":
        raise NoAnswer("lost by an armed fault")
    if action == "delay":
        time.sleep(float(seconds))
