"""The uv that `make setup` uses: one on PATH, else the checkout's own."""

import shutil

from deploy.release import ROOT


def uv() -> str:
    """Its path. Ends the program with one line where there is none."""
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools/bin"))
    if found is None:
        raise SystemExit("uv was not found: make setup")
    return found
