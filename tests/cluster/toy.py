"""A server and a client to try policies on: port 8000 is the application, 8001 is for whoever directs it.

Port 8000 takes every method:

| path | does |
|---|---|
| ``/ready`` | 200 |
| ``/…/call?url=URL`` | GETs the URL; ``status`` 0 if there was no answer |
| anything else | who answers, the path and the headers as received |

A request brings its own script, in the header ``x-toy``, JSON: ``tag`` under which it is counted; ``status``,
``delay_s`` and ``reset`` are how it is answered; only the first ``times`` calls of the tag are answered so, and only
by the ``versions`` and ``pods`` that are listed. ``hold`` lets it wait for ``/release``, a minute at most. ``call`` is
a request (as for ``/send``) to make first: its status is the answer's.

Port 8001: ``GET /calls?tag=T`` are the calls of a tag, as received; ``GET /connections`` how many are open at port
8000; ``GET /envoy?path=P`` what the sidecar's admin page says; ``POST /release?tag=T`` lets go what is
held. ``POST /send`` makes requests and says what came back:
``{"requests": [{method, url, headers, body}], "n": 1, "concurrency": 1, "timeout_s": 15, "pace_s": 0, "keep": true}``
sends the list ``n`` times. ``keep`` keeps a connection for each of the concurrent clients; ``pace_s`` lies between two
beginnings; ``GET /sent?id=I`` says meanwhile how many requests of an order with that ``id`` were begun and ended.
"""

import http.client
import json
import os
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_CALL_S = 10
_KEPT_TAGS = 2000
_HELD_S = 60
_ADMIN = "http://127.0.0.1:15000"
POD = os.environ.get("POD_NAME", "")
VERSION = os.environ.get("POD_VERSION", "")

Json = dict[str, Any]


class _Calls:
    """What arrived, by tag; the oldest tags are forgotten."""

    def __init__(self) -> None:
        self._by_tag: OrderedDict[str, list[Json]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, tag: str, call: Json) -> int:
        """How many the tag has now."""
        with self._lock:
            calls = self._by_tag.setdefault(tag, [])
            calls.append(call)
            if len(self._by_tag) > _KEPT_TAGS:
                self._by_tag.popitem(last=False)
            return len(calls)

    def of(self, tag: str) -> list[Json]:
        with self._lock:
            return list(self._by_tag.get(tag, ()))


CALLS = _Calls()
HELD: defaultdict[str, threading.Event] = defaultdict(threading.Event)
SENT: dict[str, Json] = {}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer
    body = b""

    def __getattr__(self, name: str) -> Any:
        """Every method is answered alike."""
        if name.startswith("do_"):
            return self._do
        raise AttributeError(name)

    def _do(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer()

    def answer(self) -> None:
        raise NotImplementedError

    def send(self, content: Any, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Application(_Answers):
    """Port 8000."""

    def answer(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        answer: Json = {"pod": POD, "path": self.path}
        if url.path == "/ready":
            return self.send(answer)
        if url.path.endswith("/call"):
            answer |= _call(query["url"])
        else:
            answer["headers"] = {name.lower(): value for name, value in self.headers.items()}
        return self._by_script(answer | {"version": VERSION, "method": self.command})

    def _by_script(self, answer: Json) -> None:
        script: Json = json.loads(self.headers.get("x-toy") or "{}")
        record = {"pod": POD, "version": VERSION, "method": self.command, "path": self.path, "at": time.time()}
        record |= {"headers": answer.get("headers", {}), "bytes": len(self.body), "peer": self.client_address[1]}
        number = CALLS.add(script["tag"], record) if "tag" in script else 0
        if not _is_meant(script, number):
            return self.send(answer)
        status = int(script.get("status", 200))
        if "call" in script:
            answer["called"] = called = _Client(_CALL_S * 10, keep=False).send(script["call"])
            status = called["status"] or 502
        if script.get("hold"):
            HELD[script["tag"]].wait(_HELD_S)
        time.sleep(float(script.get("delay_s", 0)))
        record["ended"] = time.time()
        return self._reset() if script.get("reset") else self.send(answer, status)

    def _reset(self) -> None:
        """End the connection so that the peer sees a reset, not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True


def _is_meant(script: Json, number: int) -> bool:
    return (
        number <= script.get("times", number)
        and VERSION in script.get("versions", [VERSION])
        and POD in script.get("pods", [POD])
    )


class Management(_Answers):
    """Port 8001."""

    def answer(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        match url.path:
            case "/calls":
                self.send(CALLS.of(query["tag"]))
            case "/connections":
                self.send(Server.open_connections)
            case "/envoy":
                self.send(_admin(query["path"]))
            case "/release":
                HELD[query["tag"]].set()
                self.send({})
            case "/sent":
                self.send(SENT.get(query["id"], {"begun": 0, "ended": 0}))
            case "/send":
                self.send(_send(json.loads(self.body)))
            case _:
                self.send({"pod": POD})


def _admin(path: str) -> bytes:
    with urllib.request.urlopen(_ADMIN + path, timeout=_CALL_S) as answer:
        content: bytes = answer.read()
        return content


def _call(url: str) -> Json:
    try:
        with urllib.request.urlopen(url, timeout=_CALL_S) as answer:
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as exc:
        return {"status": exc.code, "body": exc.read().decode()}
    except OSError as exc:
        return {"status": 0, "body": repr(exc)}


class _Client:
    """One connection to each address, or a new one for each request."""

    def __init__(self, timeout_s: float, *, keep: bool) -> None:
        self._timeout_s, self._keep = timeout_s, keep
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def send(self, request: Json) -> Json:
        """Status, seconds, headers and body; status 0 with ``error`` if no answer came."""
        url = urlsplit(request["url"])
        target = url.path + (f"?{url.query}" if url.query else "")
        began = time.monotonic()
        try:
            answer = self._answer(url.netloc, request.get("method", "GET"), target or "/", request)
        except (OSError, http.client.HTTPException) as exc:
            self._drop(url.netloc)
            answer = {"status": 0, "error": repr(exc), "headers": {}, "body": ""}
        return answer | {"seconds": time.monotonic() - began}

    def _answer(self, address: str, method: str, target: str, request: Json) -> Json:
        connection = self._connection(address)
        body = request.get("body")
        connection.request(method, target, body and body.encode(), request.get("headers", {}))
        got = connection.getresponse()
        text = got.read().decode(errors="replace")
        if not self._keep or got.will_close:
            self._drop(address)
        headers = {name.lower(): value for name, value in got.getheaders()}
        return {"status": got.status, "headers": headers, "body": text}

    def _connection(self, address: str) -> http.client.HTTPConnection:
        if address not in self._connections:
            self._connections[address] = http.client.HTTPConnection(address, timeout=self._timeout_s)
        return self._connections[address]

    def _drop(self, address: str) -> None:
        connection = self._connections.pop(address, None)
        if connection:
            connection.close()

    def close(self) -> None:
        for address in list(self._connections):
            self._drop(address)


def _send(order: Json) -> list[Json]:
    """The answers in the order of the requests; which client of the concurrent ones takes the next is chance."""
    requests = order["requests"] * int(order.get("n", 1))
    clients = [
        _Client(order.get("timeout_s", 15), keep=order.get("keep", True)) for _ in range(order.get("concurrency", 1))
    ]
    idle = list(clients)
    lock = threading.Lock()
    sent = SENT[order.get("id", "")] = {"begun": 0, "ended": 0}
    pace_s, began = float(order.get("pace_s", 0)), time.monotonic()

    def one(index: int) -> Json:
        time.sleep(max(0.0, began + index * pace_s - time.monotonic()))
        with lock:
            client = idle.pop()
            sent["begun"] += 1
        answer = client.send(requests[index])
        with lock:
            idle.append(client)
            sent["ended"] += 1
        return answer

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(one, range(len(requests))))
    for client in clients:
        client.close()
    return answers


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True
    open_connections: defaultdict[int, int] = defaultdict(int)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._count(1)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with _COUNTING:
            Server.open_connections[self.server_address[1]] += change

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hung up is no error here."""


_COUNTING = threading.Lock()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        threading.Thread(target=Server(("0.0.0.0", 8001), Management).serve_forever, daemon=True).start()
        Server(("0.0.0.0", 8000), Application).serve_forever()
