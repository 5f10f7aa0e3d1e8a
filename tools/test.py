"""``make test``: unit tests, then the black-box suite, unchanged, against one process and against eight."""

import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = ["-c", "tests/blackbox.ini", "tests/shop_api"]
UNIT = ["--ignore=tests/shop_api", "--ignore=tests/faults", "--cov", "--cov-report="]
WORKERS = ["-n", "auto", "--maxprocesses", "4"]  # a database for each: more take longer to make than they save
_COUNT = re.compile(r"(\d+) passed")


def main() -> int:
    """Exit status 0 when all three pass, and the suite has the same count in both topologies."""
    counts = {
        "unit": _run("unit", [sys.executable, "-m", "pytest", "-q", "tests", *UNIT, *WORKERS, *sys.argv[1:]]),
        "one process": _suite("one"),
        "eight processes": _suite("split"),
    }
    _coverage()
    print("\n".join(f"{name}: {'failed' if count is None else f'{count} passed'}" for name, count in counts.items()))
    if counts["one process"] != counts["eight processes"]:
        print("the suite is not the same in both topologies")
        return 1
    return 0 if all(counts.values()) else 1


def _suite(kind: str) -> int | None:
    pytest = [sys.executable, "-m", "pytest", "-q", *SUITE]
    return _run(kind, [sys.executable, "-m", "tests.topology", kind, "--", *pytest])


def _run(name: str, command: list[str]) -> int | None:
    """Show what ``command`` prints; how many tests passed, None if it failed."""
    print(f"--- {name}", flush=True)
    began, last = time.monotonic(), ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line if _COUNT.search(line) else last
    print(f"--- {name}: {time.monotonic() - began:.0f} s", flush=True)
    counted = _COUNT.search(last)
    return int(counted[1]) if counted and process.returncode == 0 else None


def _coverage() -> None:
    """Branch coverage of what moves stock and money, by the unit tests alone."""
    report = [sys.executable, "-m", "coverage", "report", "--include=apps/*/services.py,apps/order/saga.py"]
    subprocess.run(report, cwd=ROOT, check=False)


if __name__ == "__main__":
    sys.exit(main())
