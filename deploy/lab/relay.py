"""Addresses on loopback for Services of the lab.

A process per address: it listens out here, then enters the lab's network and connects from there. It
ends when its standard input does, so it cannot outlive whoever asked for it.
"""

import asyncio
import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.lab import cluster, processes
from deploy.lab.lab import ROOT, Lab, LabError

LOOPBACK = "127.0.0.1"
_BACKLOG = 1024  # a load test opens its connections all at once
_CONNECT_S = 5.0
_HIGH_WATER = 256 * 1024  # bytes that may wait for a slow reader
_CLONE_NEWNET = 0x40000000


@contextmanager
def forwarded(lab: Lab, service: str, port: int, *, at: int = 0) -> Iterator[tuple[str, int]]:
    """Host and port at which ``namespace/name``'s port is reached from this machine; free unless ``at`` is given.

    Raises LabError.
    """
    target = cluster.service_address(lab, service, port)
    command = [sys.executable, "-m", "deploy.lab.relay", str(processes.running(lab)), *map(str, target), str(at)]
    with subprocess.Popen(
        command, cwd=ROOT, env=lab.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        said = process.stdout.readline()
        if not said.strip().isdecimal():
            raise LabError(f"Port {at} cannot be forwarded to {service}: {said.strip() or 'the relay ended'}")
        try:
            yield LOOPBACK, int(said)
        finally:
            process.stdin.close()


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the peer sees a reset, not an orderly end."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _End(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other, no faster than the other takes it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def join(self, other: "_End") -> None:
        """Both ends are connected: from now on each feeds the other."""
        self.other, other.other = other, self

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass on that no more comes, and keep the other direction open until that ends too."""
        self._has_ended = True
        if self.transport and self.other and self.other.transport:
            if self.other._has_ended:
                self.transport.close()
                self.other.transport.close()
            else:
                self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """A reset is passed on as one, so that a client never takes half an answer for a whole one."""
        if self.other and self.other.transport:
            _reset(self.other.transport) if exc else self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
            self.other.transport.resume_reading()


class _Entrance(_End):
    """The end that a client connects to; reads nothing until its way in is open."""

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__()
        self._target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport
        self.transport.pause_reading()
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        assert self.transport
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, exit_ = await loop.create_connection(lambda: _joined_to(self), *self._target)
        except OSError:  # TimeoutError too
            _reset(self.transport)
            return
        if self.transport.is_closing():
            assert exit_.transport
            exit_.transport.abort()
            return
        self.transport.resume_reading()


def _joined_to(entrance: _Entrance) -> _End:
    end = _End()
    end.join(entrance)
    return end


async def _serve(listener: socket.socket, target: tuple[str, int]) -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 1024) else None)
    server = await loop.create_server(lambda: _Entrance(target), sock=listener, backlog=_BACKLOG)
    print(listener.getsockname()[1], flush=True)
    async with server:
        await ended.wait()


def enter_network(pid: int) -> None:
    """Sockets made from now on are the lab's; those that exist stay where they are."""
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)


def main() -> None:
    pid, host, port, at = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is for whoever asked
    try:
        listener = socket.create_server((LOOPBACK, at), backlog=_BACKLOG)
    except OSError as exc:
        print(os.strerror(exc.errno or 0))
        return
    enter_network(pid)
    asyncio.run(_serve(listener, (host, port)))


if __name__ == "__main__":
    main()
