"""``make test``: unit tests, the black-box suite, unchanged, against one process and against eight, a browser.

The suite waits most of its time, for parcels and deadlines, so both topologies are asked at once, and the browser
has a shop of its own beside them.
"""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools import browser

ROOT = Path(__file__).resolve().parent.parent
SUITE = ["-c", "tests/blackbox.ini", "tests/shop_api"]
BROWSER = ["-c", "tests/blackbox.ini", "tests/browser"]
_APART = ("shop_api", "faults", "browser", "scale", "cluster", "mesh")  # suites with a command of their own
UNIT = [*(f"--ignore=tests/{name}" for name in _APART), "--cov", "--cov-report="]
WORKERS = ["-n", "auto", "--maxprocesses", "4"]  # a database for each: more take longer to make than they save
_COUNT = re.compile(r"(\d+) (passed|skipped)")  # of pytest's last line


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many tests passed, and how many have nothing to ask of the topology they ran in."""

    passed: int
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed" + (f", {self.skipped} skipped" if self.skipped else "")

    @property
    def of(self) -> int:
        """The size of the suite."""
        return self.passed + self.skipped


def main() -> int:
    """Exit status 0 when all pass, and the suite has the same count in both topologies.

    Without a browser its tests are not run, which the last line says.
    """
    counts = {"unit": _run("unit", [sys.executable, "-m", "pytest", "-q", "tests", *UNIT, *WORKERS, *sys.argv[1:]])}
    missing = _without_browser()
    asked = {"one process": ("one", SUITE), "eight processes": ("split", SUITE), "browser": ("one", BROWSER)}
    if missing:
        del asked["browser"]
    with ThreadPoolExecutor() as at_once:
        running = {name: at_once.submit(_suite, *each) for name, each in asked.items()}
    counts |= {name: each.result() for name, each in running.items()}
    _coverage()
    print("\n".join(f"{name}: {count or 'failed'}" for name, count in counts.items()))
    one, split = counts["one process"], counts["eight processes"]
    if one and split and one.of != split.of:
        print("the suite is not the same in both topologies")
        return 1
    if missing:
        print(f"*** BROWSER TESTS WERE NOT RUN: {missing}")
    return 0 if all(counts.values()) else 1


def _without_browser() -> str:
    """Why the browser tests cannot run; empty when they can."""
    try:
        browser.ensure()
    except browser.NoBrowser as exc:
        return str(exc)
    return ""


def _suite(kind: str, tests: list[str]) -> Outcome | None:
    pytest = [sys.executable, "-m", "pytest", "-q", *tests]
    return _run(f"{kind}: {tests[-1]}", [sys.executable, "-m", "tests.topology", kind, "--", *pytest])


def _run(name: str, command: list[str]) -> Outcome | None:
    """Show what ``command`` prints; its outcome, None if it failed."""
    print(f"--- {name}", flush=True)
    began, last = time.monotonic(), ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(f"{name} | {line}", end="", flush=True)
            last = line if _COUNT.search(line) else last
    print(f"--- {name}: {time.monotonic() - began:.0f} s", flush=True)
    counted = {what: int(number) for number, what in _COUNT.findall(last)}
    return Outcome(**counted) if counted.get("passed") and process.returncode == 0 else None


def _coverage() -> None:
    """Branch coverage of what moves stock and money, by the unit tests alone."""
    subprocess.run([sys.executable, "-m", "coverage", "report"], cwd=ROOT, check=False)


if __name__ == "__main__":
    sys.exit(main())
