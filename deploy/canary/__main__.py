"""``python -m deploy.canary shift|promote|rollback ROLE``: see the package's docstring."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from deploy.canary import moves, rule, weights
from deploy.canary.step import Limits, Stopped, TooThin
from deploy.kubectl import Refused
from shop.roles import ROLES

_STEP_S, _REQUESTS = 600.0, 500
_WAIT = 3  # times as long as a step, for traffic that is too thin
_STOPPED, _TOO_THIN, _INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def main(arguments: list[str]) -> int:
    """The exit status."""
    try:
        asked = _parse(arguments)
        return _reported(asked.role, lambda: _act(asked))
    except Refused as refusal:
        return _said(str(refusal), _STOPPED)


def _act(asked: argparse.Namespace) -> None:
    match asked.move:
        case "shift":
            wait_s = asked.wait_s or _WAIT * asked.step_s
            limits = Limits(step_s=asked.step_s, requests=asked.requests, wait_s=wait_s, p95=asked.p95)
            moves.shift(asked.role, asked.weight, limits, asked.image)
        case "promote":
            moves.promote(asked.role)
        case _:
            moves.rollback(asked.role)


def _reported(role: str, act: Callable[[], None]) -> int:
    try:
        act()
        return 0
    except Stopped as stopped:
        return _said(f"{role} stopped, v2 is back at 0 %: {stopped}", _STOPPED)
    except weights.Changed as changed:
        return _said(str(changed), _STOPPED)
    except TooThin as thin:
        return _said(f"{role} v2 stays at {_present(role)}, too few requests: {thin}", _TOO_THIN)
    except KeyboardInterrupt:
        return _said(f"interrupted: {role} v2 stays at {_present(role)}", _INTERRUPTED)


def _present(role: str) -> str:
    try:
        return f"{weights.present(role)} %"
    except Refused as refusal:
        return f"a weight that could not be read ({refusal})"


def _said(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m deploy.canary", description=sys.modules["deploy.canary"].__doc__)
    moving = parser.add_subparsers(dest="move", required=True)
    for move in ("shift", "promote", "rollback"):
        moving.add_parser(move).add_argument("role", type=_role)
    shifting = moving.choices["shift"]
    shifting.add_argument("weight", type=_weight)
    shifting.add_argument("--image")
    shifting.add_argument("--step-s", type=_positive, default=_STEP_S)
    shifting.add_argument("--requests", type=_count, default=_REQUESTS)
    shifting.add_argument("--wait-s", type=_positive)
    shifting.add_argument("--p95", type=_positive, default=rule.P95, metavar="TIMES")
    return parser.parse_args(arguments)


def _role(text: str) -> str:
    if text not in ROLES:
        raise argparse.ArgumentTypeError(f"ROLE is one of {', '.join(ROLES)}, not {text!r}")
    return text


def _weight(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100:
        raise argparse.ArgumentTypeError(f"WEIGHT is a whole number from 1 to 100, not {text!r}; 0 is make rollback")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number above 0 is wanted, not {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is wanted, not {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
