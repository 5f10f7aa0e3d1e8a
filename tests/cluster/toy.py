"""A server to try policies on: tells who it is and what it was asked, asks others, and burns time on request.

| path | does |
|---|---|
| ``/ready`` | 200 |
| ``/…/call?url=URL`` | GETs the URL; ``status`` 0 if there was no answer |
| ``/…/burn?s=0.1`` | keeps a CPU busy |
| anything else | who answers, the path and the headers as received |
"""

import json
import os
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_CALL_S = 10


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        answer: dict[str, Any] = {"pod": os.environ["POD_NAME"], "path": self.path}
        if url.path.endswith("/call"):
            answer |= _call(query["url"])
        elif url.path.endswith("/burn"):
            _burn(float(query["s"]))
        else:
            answer["headers"] = {name.lower(): value for name, value in self.headers.items()}
        self._send(json.dumps(answer).encode())

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _call(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_CALL_S) as answer:
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as exc:
        return {"status": exc.code, "body": exc.read().decode()}
    except OSError as exc:
        return {"status": 0, "body": repr(exc)}


def _burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", 8000), Handler).serve_forever()
