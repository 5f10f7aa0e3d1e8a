"""Things that take long to make, kept outside the checkout under the key of what they are made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def folder() -> Path:
    """``SHOP_LAB_CACHE``, else ``~/.cache/shop-lab``."""
    given = os.environ.get("SHOP_LAB_CACHE")
    path = Path(given).resolve() if given else Path.home() / ".cache/shop-lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(*made_from: str | bytes | Path) -> str:
    """The same for the same texts and the same contents of files, in this order."""
    digest = hashlib.sha256()
    for part in made_from:
        content = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def kept(name: str, made_from: str, make: Callable[[Path], None]) -> Path:
    """The folder of ``name`` made from ``made_from``; ``make`` fills it if it is not there yet.

    It appears whole or not at all, and is made once, also when two ask at the same time.
    """
    wanted = folder() / f"{name}-{made_from}"
    with _locked(folder() / f"{name}.lock"):
        if not wanted.exists():
            with tempfile.TemporaryDirectory(dir=folder(), prefix=f".{name}-") as unfinished:
                inner = Path(unfinished) / "made"
                inner.mkdir()
                make(inner)
                inner.rename(wanted)
            _forget_older(name, wanted)
    wanted.touch()
    return wanted


def is_kept(name: str, made_from: str) -> bool:
    return (folder() / f"{name}-{made_from}").exists()


def write(path: Path, text: str) -> None:
    """Replace ``path`` in one step."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.replace(file.name, path)


_KEEP = 3  # of each: this one and two before, for checkouts of other versions


def _forget_older(name: str, wanted: Path) -> None:
    """Bound the cache: a version more is a gigabyte more."""
    others = sorted(folder().glob(f"{name}-{'?' * 16}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [path for path in others if path != wanted][_KEEP - 1 :]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
