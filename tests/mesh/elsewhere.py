"""Endpoints of a role that are no pods: this process plays a server that is broken, on the node's address."""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from deploy.lab.lab import NODE_IP
from tests.cluster.waiting import settled
from tests.mesh import cast
from tests.mesh.stage import Stage, until_ejections_count

_RESET = struct.pack("ii", 1, 0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """HTTPServer's own asks for the name of its address, which nobody here knows: five seconds."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that this side ended is no error."""


class Door:
    """A port of the node that belongs to a role, once ``endpoint`` says so."""

    def __init__(self, stage: Stage, role: str, port: int) -> None:
        self._stage, self._role, self._port = stage, role, port
        self.knocks = 0  # connections that came

    @contextmanager
    def endpoint(self) -> Iterator[None]:
        """While it lasts, every proxy takes the port for one more pod of the role's v1."""
        entry = cast.endpoint(self._role, NODE_IP, self._port)
        self._stage.apply(entry)
        try:
            self._known(True)
            yield
        finally:
            self._stage.remove(entry)
            self._known(False)

    def _known(self, wanted: bool) -> None:
        address = f"{NODE_IP}:{self._port}"
        for probe in self._stage.probes():
            settled(lambda probe=probe: address in self._stage.envoy(probe, "/clusters"), wanted, times=1)  # type: ignore[misc]
        self._stage.spread(self._role)
        until_ejections_count()


@contextmanager
def refusing(stage: Stage, role: str) -> Iterator[Door]:
    """Takes every connection and ends it before a word is said."""
    with socket.create_server((NODE_IP, 0), backlog=256) as listener:
        door = Door(stage, role, listener.getsockname()[1])

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    door.knocks += 1
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    connection.close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        try:
            yield door
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@contextmanager
def hanging_up(stage: Stage, role: str) -> Iterator[Door]:
    """Reads a request in plain text, and ends the connection without an answer."""

    class Hangup(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            if self.rfile.readline():
                door.knocks += 1
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            os.close(self.connection.detach())
            self.close_connection = True

    server = _Server((NODE_IP, 0), Hangup)
    door = Door(stage, role, server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def nowhere(stage: Stage, role: str) -> Iterator[Door]:
    """Its queue of connections is full, so that it answers none: as if packets were lost."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((NODE_IP, 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield Door(stage, role, listener.getsockname()[1])


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def undeclared() -> Iterator[str]:
    """The address of an HTTP server that no file of the mesh declares."""
    server = _Server((NODE_IP, 0), _Hello)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{NODE_IP}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
