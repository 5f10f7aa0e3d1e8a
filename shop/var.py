"""The folder ``var/``: all that a checkout keeps between runs, and who is using it now."""

import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shop.exits import Busy, DataFolderUnusable

_LONGEST_SOCKET_PATH = 107  # bytes, unix(7)
_LONGEST_SOCKET_NAME = len("/pg/.s.PGSQL.5432")


class Var:
    """One var folder. Its owner, who runs servers in it, holds the lock ``run/lock``.

    The lock goes with the process, however that ends, so what ``run/topology.json`` says counts only while
    somebody holds it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.run = self.root / "run"
        self.log = self.root / "log"
        self.keys = self.root / "keys"
        self.topology_file = self.run / "topology.json"  # what `serve` or `split` runs, once it is ready

    def make(self) -> None:
        """Create the folders. Raises DataFolderUnusable where this user may not, or root should not."""
        if self.root.exists() and (owner := self.root.stat().st_uid) != os.geteuid():
            raise DataFolderUnusable(f"{self.root} belongs to user id {owner}: run as that user, or set SHOP_VAR")
        try:
            for folder in (self.run, self.log, self.keys):
                folder.mkdir(parents=True, exist_ok=True)
            self.keys.chmod(0o700)
            (self.run / "lock").touch(mode=0o600)
        except OSError as error:
            raise DataFolderUnusable(f"{error.filename}: {error.strerror}; set SHOP_VAR to another folder") from None

    def topology(self) -> dict[str, Any]:
        """What `serve` or `split` is running here; empty when neither is ready."""
        return read_state(self.topology_file) if self.is_owned() else {}

    @property
    def sockets(self) -> Path:
        """Folder for Unix sockets: ``run``, or a short one under /tmp where that path is too long."""
        if len(os.fsencode(self.run)) + _LONGEST_SOCKET_NAME <= _LONGEST_SOCKET_PATH:
            return self.run
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"shop-{os.geteuid()}-{name}"

    def make_sockets(self) -> Path:
        """Create and return ``sockets``. Raises DataFolderUnusable if another user made it first."""
        folder = self.sockets
        folder.mkdir(mode=0o755, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DataFolderUnusable(f"{folder} belongs to someone else: remove it, or set SHOP_VAR")
        return folder

    @contextmanager
    def owned(self) -> Iterator[bool]:
        """Hold the folder's lock, if it is free; yields whether it was."""
        self.make()
        with (self.run / "lock").open("r+") as lock:
            yield _take(lock.fileno(), fcntl.LOCK_EX)

    def is_owned(self) -> bool:
        """Whether somebody runs servers in this folder."""
        try:
            with (self.run / "lock").open("r+") as lock:
                return not _take(lock.fileno(), fcntl.LOCK_EX)
        except FileNotFoundError:
            return False

    @contextmanager
    def attached(self) -> Iterator[None]:
        """While held, ``wait_for_attached`` keeps the owner's servers up."""
        with (self.run / "attached").open("a+") as users:
            fcntl.flock(users, fcntl.LOCK_SH)
            yield

    def wait_for_attached(self, notice: Callable[[], None]) -> None:
        """Wait until no other command uses the owner's servers; ``notice`` is called if that is not at once."""
        with (self.run / "attached").open("a+") as users:
            if not _take(users.fileno(), fcntl.LOCK_EX):
                notice()
                fcntl.flock(users, fcntl.LOCK_EX)

    def busy(self) -> Busy:
        """The refusal for whoever finds the folder owned."""
        running = read_state(self.topology_file).get("base_url")
        where = f"at {running}" if running else "by another command"
        return Busy(f"{self.root} is in use {where}: stop that first, or set SHOP_VAR to another folder")


def read_state(path: Path) -> dict[str, Any]:
    """A state file's content; empty when there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content


def write_state(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a state file in one step, readable by its owner only: it may hold credentials."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)


def _take(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
