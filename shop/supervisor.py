"""Runs child processes: starts them in waves, restarts what dies, stops them in reverse order.

One thread, one loop (``_turn``): output, a signal, a death, a word on the control socket are all
handled there, so nothing here needs a lock.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import socketpair
from types import FrameType, TracebackType
from typing import IO, Any, Self

from shop import children
from shop.children import Child, Records
from shop.control import Control, Listener, NoSuchChild
from shop.exits import KeepsDying, StartError

__all__ = ["Child", "Console", "Control", "Interrupted", "Supervisor"]

_TURN_S = 0.05  # how late a death or a readiness may be noticed
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WHOLE_SESSION = (
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGCONT,
)  # nothing can pass these on to its own children
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # ANSI; readable on light and dark
_PIPE_BYTES = 65536


class Interrupted(Exception):
    """Somebody asked the supervisor to stop. Not an error."""


class Console:
    """The one stream: each line begins with the name of the process it comes from."""

    def __init__(self, out: IO[str] | None = None, *, width: int = 8) -> None:
        self._out = out or sys.stdout
        self._width = width
        self._colours: dict[str, int] | None = {} if self._out.isatty() else None
        self.closed = False  # nobody reads any more, as after `make run | head`

    def say(self, name: str, text: str) -> None:
        """Print one line as ``name``."""
        self._width = max(self._width, len(name))
        prefix = f"{name:<{self._width}} |"
        if self._colours is not None:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self.plain(f"{prefix} {text}")

    def plain(self, text: str) -> None:
        """Print text as it is."""
        try:
            print(text, file=self._out, flush=True)
        except BrokenPipeError:
            self.closed = True


@dataclass
class _Life:
    """One child and its present life. ``state`` is one of those in shop.control.ChildState."""

    child: Child
    wave: int
    once: bool = False  # a command, expected to end
    state: str = "stopped"
    process: subprocess.Popen[bytes] | None = None
    deadline: float = 0.0  # of the states starting, stopping and waiting
    exit_code: int | None = None
    restarts: int = 0
    deaths: deque[float] = field(default_factory=deque)
    unfinished: bytes = b""  # an output line still without its end


class Supervisor:
    """Keeps children running until told to stop. A context manager: leaving it stops them all.

    A child that dies more than ``restarts`` times in ``within_s`` cannot be helped by another start:
    everything is stopped (KeepsDying). ``control`` is the path of the socket for shop.control.
    """

    def __init__(
        self,
        *,
        run: Path,
        console: Console,
        control: Path | None = None,
        restarts: int = 5,
        within_s: float = 30,
    ) -> None:
        self._records = Records(run / "children.json")
        self._console = console
        self._control_path = control
        self._restarts, self._within_s = restarts, within_s
        self._lives: dict[str, _Life] = {}
        self._wave = 0
        self._interrupts = 0
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        if swept := self._records.sweep():
            self._console.plain(f"Ended {swept} processes that an earlier run had left behind.")
        self._wake_in, self._wake_out = socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake_in.fileno())  # a signal ends the wait in select at once
        self._selector.register(self._wake_out, selectors.EVENT_READ, partial(self._wake_out.recv, 64))
        self._handlers = {number: signal.signal(number, self._interrupt) for number in _STOP_SIGNALS}
        self._listener = Listener(self._control_path, self._selector, self._answer) if self._control_path else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            if self._listener:
                self._listener.close()
            self._selector.close()
            self._wake_in.close()
            self._wake_out.close()

    def start(self, *wave: Child) -> None:
        """Start children side by side, wait until all are ready; they will be stopped together too.

        Raises StartError when one dies or is not ready in its time; Interrupted.
        """
        started = self._launch(wave)
        while waiting := [life for life in started if life.state != "ready"]:
            self._turn()
            for life in waiting:
                if life.state == "waiting":
                    raise StartError(f"{life.child.name} ended while starting ({_how(life.exit_code)})")
                if life.state == "starting" and time.monotonic() > life.deadline:
                    raise StartError(f"{life.child.name} was not ready within {life.child.ready_within_s:g} s")

    def run(self, *commands: Child, at_once: int = 1) -> None:
        """Run commands to their end, ``at_once`` of them side by side.

        Raises StartError when one fails; Interrupted.
        """
        waiting = deque(commands)
        active: list[_Life] = []
        while waiting or active:
            if waiting and len(active) < at_once:
                active += self._launch([waiting.popleft()], once=True)
            self._turn()
            for ended in [life for life in active if life.state == "stopped"]:
                active.remove(ended)
                del self._lives[ended.child.name]
                if ended.exit_code:
                    raise StartError(f"{ended.child.name} failed ({_how(ended.exit_code)})")

    def watch(self) -> None:
        """Keep everything running. Ends only by raising: Interrupted or KeepsDying."""
        while True:
            self._turn()

    def pids(self) -> dict[str, int]:
        """Pids of the running children by name."""
        return {name: life.process.pid for name, life in self._lives.items() if life.process}

    # One turn of the loop

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TURN_S):
            key.data()
        if self._interrupts or self._console.closed:
            raise Interrupted
        for life in list(self._lives.values()):
            self._reap(life)
            self._advance(life)

    def _reap(self, life: _Life) -> None:
        process = life.process
        if process is None or process.poll() is None:
            return
        children.end_session(process.pid)  # what it started must not outlive it, nor hold its port
        life.process, life.exit_code = None, process.returncode
        self._records.remove(process.pid)
        self._close_output(life, process)
        if life.once or life.state == "stopping":
            life.state = "stopped"
        else:
            self._plan_restart(life)

    def _plan_restart(self, life: _Life) -> None:
        now = time.monotonic()
        life.deaths.append(now)
        while life.deaths[0] < now - self._within_s:
            life.deaths.popleft()
        deaths = len(life.deaths)
        name, how = life.child.name, _how(life.exit_code)
        if deaths > self._restarts:
            raise KeepsDying(f"{name} died {deaths} times within {self._within_s:g} s, at last: {how}")
        self._console.say(name, f"ended: {how}")
        life.state = "waiting"
        life.deadline = now + 0.2 * (deaths - 1)  # at once after the first death, then ever later

    def _advance(self, life: _Life) -> None:
        now = time.monotonic()
        if life.state == "waiting" and now >= life.deadline:
            life.restarts += 1
            self._spawn(life)
        elif life.state == "starting" and not life.once and life.child.ready():
            life.state = "ready"
        elif life.state == "stopping" and now >= life.deadline and life.process:
            children.signal_session(life.process.pid, signal.SIGKILL)

    # Lives

    def _launch(self, wave: "list[Child] | tuple[Child, ...]", *, once: bool = False) -> list[_Life]:
        self._wave += 1
        started = []
        for child in wave:
            life = self._lives[child.name] = _Life(child=child, wave=self._wave, once=once)
            self._spawn(life)
            started.append(life)
        return started

    def _spawn(self, life: _Life, *, extra: Mapping[str, str] | None = None) -> None:
        life.process = process = children.spawn(life.child, extra=extra or {})
        self._records.add(process.pid)
        life.state, life.exit_code, life.unfinished = "starting", None, b""
        life.deadline = time.monotonic() + life.child.ready_within_s
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, partial(self._read, life, process.stdout))

    def _stop(self, life: _Life) -> None:
        if life.process is None:
            life.state = "stopped"
            return
        life.state = "stopping"
        life.deadline = time.monotonic() + life.child.stop_within_s
        life.process.send_signal(life.child.stop_signal)

    def _stop_all(self) -> None:
        """Wave by wave, the last first. A second Ctrl-C while this goes on ends all grace."""
        self._interrupts = 0
        for wave in range(self._wave, 0, -1):
            members = [life for life in self._lives.values() if life.wave == wave]
            for life in members:
                self._stop(life)
            while any(life.process for life in members):
                for key, _ in self._selector.select(_TURN_S):
                    key.data()
                for life in members:
                    life.deadline = 0 if self._interrupts else life.deadline
                    self._reap(life)
                    self._advance(life)

    # Output, signals, control

    def _read(self, life: _Life, stream: IO[bytes]) -> None:
        received = stream.read(_PIPE_BYTES)
        if received == b"":  # the other end is closed
            self._selector.unregister(stream)
        *lines, life.unfinished = (life.unfinished + (received or b"")).split(b"\n")
        if len(life.unfinished) > _PIPE_BYTES:
            lines, life.unfinished = [*lines, life.unfinished], b""
        for line in lines:
            self._console.say(life.child.name, line.decode(errors="replace").rstrip())

    def _close_output(self, life: _Life, process: "subprocess.Popen[bytes]") -> None:
        stream = process.stdout
        if stream is None:
            return
        if stream in self._selector.get_map():
            self._read(life, stream)
        if life.unfinished:
            self._console.say(life.child.name, life.unfinished.decode(errors="replace"))
        if stream in self._selector.get_map():
            self._selector.unregister(stream)
        stream.close()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._interrupts += 1

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["do"] == "list":
            return {"children": [_row(life) for life in self._lives.values()]}
        life = self._lives.get(request["name"])
        if life is None:
            raise NoSuchChild(request["name"])
        if request["do"] == "kill":
            return self._kill(life, signal.Signals[f"SIG{request['signal']}"])
        if request["do"] == "stop":
            self._stop(life)
        elif request["do"] == "start" and life.process is None:
            self._spawn(life, extra=request.get("env"))
        return {}

    def _kill(self, life: _Life, number: signal.Signals) -> Mapping[str, Any]:
        if life.process is None:
            raise ValueError(f"{life.child.name} is not running")
        if number in _WHOLE_SESSION:
            children.signal_session(life.process.pid, number)
        else:
            life.process.send_signal(number)
        life.deaths.clear()  # ordered deaths are no sign of a child that cannot run
        return {"pid": life.process.pid}


def _row(life: _Life) -> dict[str, object]:
    pid = life.process.pid if life.process else None
    return {"name": life.child.name, "pid": pid, "state": life.state, "restarts": life.restarts}


def _how(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    return f"killed by {signal.Signals(-exit_code).name}"
