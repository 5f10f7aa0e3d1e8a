"""A word with a running supervisor: one JSON object a line, over a Unix socket only its user may open.

    {"do": "list"}                                       every child's pid, state and restarts
    {"do": "kill", "name": "web", "signal": "KILL"}      to its whole session for KILL, STOP and CONT
    {"do": "stop", "name": "web"}                        stays stopped until started
    {"do": "start", "name": "web", "env": {"K": "V"}}    ``env`` counts for this one life

Each is answered at once, ``{"ok": true, …}`` or ``{"ok": false, "error": …}``; ``Control`` waits for
the state that was asked for.
"""

import json
import os
import selectors
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import Any

_LONGEST_LINE = 65536


class NoSuchChild(Exception):
    """The supervisor has no child of that name."""


class Listener:
    """The supervisor's side: hands each request to ``answer`` and sends back what it returns."""

    def __init__(
        self,
        path: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        self._path, self._selector, self._answer = path, selector, answer
        path.unlink(missing_ok=True)  # a predecessor's; the folder's lock says that it is dead
        self._socket = socket(AF_UNIX, SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen()
        self._socket.setblocking(False)
        self._clients: dict[socket, bytes] = {}
        selector.register(self._socket, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        for client in list(self._clients):
            self._drop(client)
        self._selector.unregister(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        client, _ = self._socket.accept()
        client.setblocking(False)
        self._clients[client] = b""
        self._selector.register(client, selectors.EVENT_READ, partial(self._read, client))

    def _read(self, client: socket) -> None:
        try:
            received = client.recv(_LONGEST_LINE)
        except OSError:
            received = b""
        *lines, self._clients[client] = (self._clients[client] + received).split(b"\n")
        for line in lines:
            self._reply(client, line)
        if not received or len(self._clients[client]) > _LONGEST_LINE:
            self._drop(client)

    def _reply(self, client: socket, line: bytes) -> None:
        try:
            answer: Mapping[str, Any] = {"ok": True, **self._answer(json.loads(line))}
        except NoSuchChild as error:
            answer = {"ok": False, "error": f"no child named {error}"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            answer = {"ok": False, "error": f"not understood: {error!r}"}
        with suppress(OSError):  # it asked and went away; _read sees the end next
            client.sendall(json.dumps(answer).encode() + b"\n")

    def _drop(self, client: socket) -> None:
        self._selector.unregister(client)
        del self._clients[client]
        client.close()


@dataclass(frozen=True, slots=True)
class ChildState:
    """One child as the supervisor sees it.

    States: starting, ready, stopping, stopped (asked for), waiting (died; about to start again).
    """

    name: str
    pid: int | None
    state: str
    restarts: int


class Control:
    """Lists, kills, stops and starts the children of the supervisor that listens at ``path``."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)

    def list(self) -> dict[str, ChildState]:
        """Every child by name."""
        return {row["name"]: ChildState(**row) for row in self._ask(do="list")["children"]}

    def kill(self, name: str, signal: str = "KILL") -> int:
        """Send a signal; the supervisor restarts what dies of it. Returns the pid that was signalled."""
        pid: int = self._ask(do="kill", name=name, signal=signal)["pid"]
        return pid

    def stop(self, name: str, *, within_s: float = 30) -> None:
        """Stop a child and wait until it is gone. It stays stopped until ``start``."""
        self._ask(do="stop", name=name)
        self.wait(name, "stopped", within_s=within_s)

    def start(self, name: str, *, env: Mapping[str, str] | None = None, within_s: float = 60) -> None:
        """Start a stopped child, with ``env`` added for this one life, and wait until it is ready."""
        self._ask(do="start", name=name, env=dict(env or {}))
        self.wait(name, "ready", within_s=within_s)

    def wait(self, name: str, state: str, *, within_s: float = 60) -> ChildState:
        """Wait until ``name`` is in ``state``. Raises TimeoutError with the state it is in instead."""
        deadline = time.monotonic() + within_s
        while (found := self.list()[name]).state != state:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is {found.state}, not {state}, after {within_s:g} s")
            time.sleep(0.02)
        return found

    def _ask(self, **request: object) -> dict[str, Any]:
        with socket(AF_UNIX, SOCK_STREAM) as connection:
            connection.settimeout(10)  # the supervisor answers within one turn, or is hung
            connection.connect(self._path)
            connection.sendall(json.dumps(request).encode() + os.linesep.encode())
            with connection.makefile("rb") as stream:
                answer: dict[str, Any] = json.loads(stream.readline() or b'{"ok": false, "error": "gone"}')
        if not answer.pop("ok"):
            raise RuntimeError(answer["error"])
        return answer
