"""Where builds are kept: layers outside the checkout, so that two checkouts share them and `make clean` keeps them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.release import ROOT as ROOT

CACHE = Path.home() / ".cache/shop-image"
OUT = ROOT / "var/image"


@contextmanager
def alone() -> Iterator[None]:
    """One build at a time uses the layers: two of the same tag would take each other's."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
