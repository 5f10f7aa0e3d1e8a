"""Child processes: how one is described, started, recorded, stopped and, if need be, swept up.

Each child leads a session of its own. A Ctrl-C therefore reaches the parent alone, which stops its
children in order; and everything a child starts itself (gunicorn's workers, PostgreSQL's backends)
can be found and signalled by that session, also after the child has gone.
"""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2): the signal this process gets when its parent dies
_PROC = Path("/proc")
_libc = ctypes.CDLL(None)


def _always() -> bool:
    return True


def _nothing() -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Child:
    """How to run one process. ``env`` is its whole environment; ``before`` is called before each start.

    ``ready`` must answer at once: it is asked from the supervisor's only thread. ``orphan_signal``
    is sent by the kernel when the parent dies, however that happens: it should end the process
    quickly, because nobody is left to insist. Without ``log`` the output joins the parent's stream.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    before: Callable[[], None] = _nothing
    ready: Callable[[], bool] = _always
    ready_within_s: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10
    orphan_signal: signal.Signals = signal.SIGTERM
    uid: int | None = None  # run as this user; only root may say so
    gid: int | None = None
    cwd: Path | None = None
    log: Path | None = None


def spawn(child: Child, *, extra: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start ``child``, its environment plus ``extra``, in a session of its own, bound to this process.

    The binding is to the calling *thread* (prctl(2)), so call it from one that lives as long as the
    children should. It is set after the change of user, which would clear it.
    """
    bind = partial(end_with_parent, os.getpid(), child.orphan_signal)
    child.before()
    output = child.log.open("ab") if child.log else subprocess.PIPE
    try:
        return subprocess.Popen(
            child.argv,
            env={**child.env, **(extra or {})},
            cwd=child.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=child.uid,
            group=child.gid,
            extra_groups=None if child.uid is None else [],
            preexec_fn=bind,  # safe in a parent of one thread, which the supervisor is
        )
    finally:
        if not isinstance(output, int):
            output.close()


def end_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process ``number`` when ``parent``, which started it, dies in any way."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Stat:
    """The few fields of /proc/<pid>/stat that tell one process from another."""

    pid: int
    name: str
    state: str
    session: int
    started: int  # clock ticks since boot; with the pid it names a process beyond doubt


def stat(pid: int) -> Stat | None:
    """What /proc says of ``pid``; None when there is no such process."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text.partition("(")[2].rpartition(") ")  # the name may hold spaces and brackets
    fields = rest.split()
    return Stat(pid=pid, name=name, state=fields[0], session=int(fields[3]), started=int(fields[19]))


def working_folder(pid: int) -> Path | None:
    """The folder ``pid`` works in; None when it has ended, or is another user's."""
    try:
        return (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def live() -> Iterator[Stat]:
    """Every process but zombies: those have ended, and whoever should reap them may take its time."""
    for entry in _PROC.iterdir():
        found = stat(int(entry.name)) if entry.name.isdigit() else None
        if found and found.state not in "ZX":
            yield found


def session_members(session: int) -> Iterator[Stat]:
    """Live processes of ``session``."""
    return (found for found in live() if found.session == session)


def signal_session(session: int, number: signal.Signals) -> None:
    """Send a signal to every process of ``session``."""
    _signal(session_members(session), number)


def end_session(session: int) -> None:
    """SIGKILL what is left of ``session`` and wait until it is gone."""
    end_all(lambda found: found.session == session)


def end_all(chosen: Callable[[Stat], bool], *, within_s: float = 5.0) -> None:
    """SIGKILL every process that is ``chosen``, also those that appear meanwhile; wait until all are gone."""
    deadline = time.monotonic() + within_s
    while (found := [process for process in live() if chosen(process)]) and time.monotonic() < deadline:
        _signal(found, signal.SIGKILL)
        time.sleep(0.01)


def _signal(processes: Iterable[Stat], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def stop(process: subprocess.Popen[bytes], child: Child) -> None:
    """Stop one child and all it started: politely first, by SIGKILL after its grace."""
    if process.poll() is None:
        process.send_signal(child.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(child.stop_within_s)
    end_session(process.pid)
    process.wait()


class Records:
    """The children of this folder by pid and start time, on disk, for a successor to clean up after.

    A parent that is killed outright cannot stop anything. The kernel tells its children
    (``orphan_signal``), and whoever starts next calls ``sweep`` for what is left even so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started: dict[int, int] = {}

    def add(self, pid: int) -> None:
        """Remember a child that was just started."""
        found = stat(pid)
        self._started[pid] = found.started if found else 0
        self._write()

    def remove(self, pid: int) -> None:
        """Forget a child whose session has ended."""
        self._started.pop(pid, None)
        self._write()

    def sweep(self, *, grace_s: float = 5.0) -> int:
        """End the recorded processes of a dead predecessor; return how many there were."""
        sessions = [session for session in self._recorded() if any(session_members(session))]
        found = sum(len(list(session_members(session))) for session in sessions)
        for session in sessions:
            signal_session(session, signal.SIGTERM)
        deadline = time.monotonic() + grace_s  # most are ending already: the kernel told them
        while time.monotonic() < deadline and any(any(session_members(s)) for s in sessions):
            time.sleep(0.05)
        for session in sessions:
            end_session(session)
        self.path.unlink(missing_ok=True)
        return found

    def _recorded(self) -> Iterator[int]:
        """Sessions that are certainly the predecessor's.

        A pid is not given out again while a session of that number exists, so members without
        their leader are its own; a leader with another start time is a stranger.
        """
        try:
            saved = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if saved.get("boot") != _boot():
            return
        for pid, started in saved["children"].items():
            leader = stat(int(pid))
            if leader is None or leader.started == started:
                yield int(pid)

    def _write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps({"boot": _boot(), "children": self._started}))
        fresh.replace(self.path)


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
