"""kubectl of PATH, on whatever cluster it points at, in the shop's namespace."""

import json
import subprocess
from typing import Any

from deploy.local import SHOP

_WITHIN_S = 60.0  # an API server that does not answer is no reason to wait for ever

Object = dict[str, Any]


class Refused(Exception):
    """Why something is not done, in one line: kubectl's own words, or the caller's."""


def kubectl(*arguments: str, input: str | None = None, within_s: float = _WITHIN_S) -> str:
    """What it prints. Raises Refused with its last line, or when it takes longer than ``within_s``."""
    command = ["kubectl", "--namespace", SHOP, *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, input=input, timeout=within_s)
    except FileNotFoundError:
        raise Refused("kubectl is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"{' '.join(command[:4])} took longer than {within_s:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"{' '.join(command)} ended with {done.returncode}"]
        raise Refused(said[-1])
    return done.stdout


def read(*arguments: str) -> Object:
    """What ``kubectl get … --output=json`` says. Raises Refused."""
    answer: Object = json.loads(kubectl("get", *arguments, "--output=json"))
    return answer


def listed(*arguments: str) -> list[Object]:
    """The same for a list. Raises Refused."""
    items: list[Object] = read(*arguments)["items"]
    return items
