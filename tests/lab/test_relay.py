"""The relay: nothing is lost or changed on the way, and it ends with whoever started it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256

import pytest

from deploy.lab.lab import ROOT
from deploy.lab.relay import LOOPBACK

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root enters namespaces")

MANY_BYTES = os.urandom(1 << 20) * 8
Handle = Callable[[socket.socket], None]


@contextmanager
def _served(handle: Handle) -> Iterator[int]:
    """The port of a server that gives each connection to ``handle``, in a thread of its own."""
    with socket.create_server((LOOPBACK, 0), backlog=1024) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_handle, args=(handle, connection), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _handle(handle: Handle, connection: socket.socket) -> None:
    with connection:
        handle(connection)


@contextmanager
def _relayed(port: int) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """The port of a relay to ``port``, into the network of this very process, and the relay."""
    command = [sys.executable, "-m", "deploy.lab.relay", str(os.getpid()), LOOPBACK, str(port), "0"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdin
        assert relay.stdout
        yield int(relay.stdout.readline()), relay
        relay.stdin.close()
        assert relay.wait(10) == 0


def _read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def _answer_with_digest(connection: socket.socket) -> None:
    connection.sendall(sha256(_read_all(connection)).digest())


def test_bytes_arrive_unchanged_and_the_end_of_one_direction_leaves_the_other_open() -> None:
    with (
        _served(_answer_with_digest) as port,
        _relayed(port) as (at, _),
        socket.create_connection((LOOPBACK, at)) as client,
    ):
        client.sendall(MANY_BYTES)
        client.shutdown(socket.SHUT_WR)
        assert _read_all(client) == sha256(MANY_BYTES).digest()


def test_a_slow_reader_holds_the_sender_back_and_gets_everything() -> None:
    """The relay keeps no more than its buffers: the sender waits, and nothing is dropped."""
    sent = 0

    def send(connection: socket.socket) -> None:
        nonlocal sent
        for _ in range(8):
            connection.sendall(MANY_BYTES)
            sent += 1

    with (
        _served(send) as port,
        _relayed(port) as (at, _),
        socket.create_connection((LOOPBACK, at)) as client,
    ):
        assert _when_steady(lambda: sent) < 8
        assert _read_all(client) == MANY_BYTES * 8


def _when_steady(count: Callable[[], int]) -> int:
    """What ``count`` says once it has said the same for half a second."""
    value, since = count(), time.monotonic()
    while time.monotonic() - since < 0.5:
        threading.Event().wait(0.05)
        if count() != value:
            value, since = count(), time.monotonic()
    return value


def test_hundreds_of_connections_at_once() -> None:
    opened = threading.Barrier(300, timeout=30)

    def client(number: int) -> bytes:
        with socket.create_connection((LOOPBACK, at)) as connection:
            opened.wait()
            connection.sendall(str(number).encode())
            connection.shutdown(socket.SHUT_WR)
            return _read_all(connection)

    with (
        _served(_answer_with_digest) as port,
        _relayed(port) as (at, _),
        ThreadPoolExecutor(300) as pool,
    ):
        assert list(pool.map(client, range(300))) == [sha256(str(number).encode()).digest() for number in range(300)]


def test_where_nobody_listens_the_client_is_cut_off() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        nobody = taken.getsockname()[1]
    with (
        _relayed(nobody) as (at, _),
        pytest.raises(ConnectionResetError),  # from here on: the client may hear of it while it connects
        socket.create_connection((LOOPBACK, at), timeout=10) as client,
    ):
        client.recv(1)


def test_a_finished_connection_costs_nothing() -> None:
    """No descriptor stays behind."""
    with _served(_answer_with_digest) as port, _relayed(port) as (at, relay):
        folder = f"/proc/{relay.pid}/fd"
        before = len(os.listdir(folder))
        for _ in range(50):
            with socket.create_connection((LOOPBACK, at)) as client:
                client.shutdown(socket.SHUT_WR)
                assert len(_read_all(client)) == 32
        assert len(os.listdir(folder)) <= before + 2


def test_a_taken_port_is_refused_in_words() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        at = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "deploy.lab.relay", str(os.getpid()), LOOPBACK, "1", at]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.stdout == "Address already in use\n"
