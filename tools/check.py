"""``make check``: everything that can be said of the code without running the shop, each with its time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from shop.roles import ROLES

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

Step = tuple[str, list[str], dict[str, str]]


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def _steps() -> Iterator[Step]:
    yield "format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."], {}
    yield "house rules", [str(BIN / "ruff"), "check", "--quiet", "."], {}
    yield "types", [str(BIN / "mypy")], {}
    yield "imports", [sys.executable, "-m", "tools.import_contracts"], {}
    yield "secrets", [sys.executable, "-m", "tools.leaks"], {}
    yield "roles page", [sys.executable, "-m", "tools.roles_page"], {}
    yield "staff page", [sys.executable, "-m", "tools.staff_page"], {}
    yield "route costs", [sys.executable, "-m", "tools.route_costs"], {}
    yield "manifests", [sys.executable, "-m", "deploy.generate"], {}
    for role in ("", *ROLES):
        yield f"migrations {role or 'all'}", _manage("makemigrations", "--check", "--dry-run", "-v", "0"), _as(role)
    yield "django", _manage("check", "--deploy", "--fail-level", "WARNING"), {"HTTPS": "1"}
    yield "api", _manage("spectacular", "--fail-on-warn", "--file", os.devnull), {}


def _as(role: str) -> dict[str, str]:
    return {"SERVICE_ROLE": role} if role else {}


def main() -> int:
    """Exit status 0 when every step passes; all of them run."""
    failed = []
    for name, command, settings in _steps():
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False
        )
        took = time.monotonic() - began
        print(f"{'ok    ' if done.returncode == 0 else 'FAILED'} {name:24} {took:5.1f} s", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr)
    print(f"{len(failed)} of the checks failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
