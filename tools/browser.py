"""``python -m tools.browser``: the browser that the browser tests drive, installed once where that is possible.

Prints its path. Where there is none, and none can be installed, the exit status is 1 and a line says why.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL_S = 240  # Debian's package is 90 MB, with what it depends on


class NoBrowser(Exception):
    """There is none, and this says why none was installed."""


def find() -> str | None:
    """Path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def ensure() -> str:
    """Path of a Chromium, Debian's being installed if there is none. Raises NoBrowser."""
    if found := find():
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NoBrowser("Chromium is not installed, and only root can install Debian's: apt-get install chromium")
    print("Installing Debian's chromium for the browser tests (once)", file=sys.stderr, flush=True)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        _apt_get(*command)
    if found := find():
        return found
    raise NoBrowser("Debian's chromium is installed, but not on PATH")


def _apt_get(*arguments: str) -> None:
    try:
        done = subprocess.run(
            ["apt-get", "--quiet", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoBrowser(f"apt-get {arguments[0]} took longer than {_INSTALL_S} s") from None
    if done.returncode:
        raise NoBrowser(f"apt-get {arguments[0]} failed: {(done.stderr.strip() or done.stdout).splitlines()[-1]}")


def main() -> int:
    """Exit status 0 with a browser, 1 without."""
    try:
        print(ensure())
    except NoBrowser as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
