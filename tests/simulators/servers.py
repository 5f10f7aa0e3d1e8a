"""The simulators as processes, and clients that see them as any client would."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

ROOT = Path(__file__).resolve().parents[2]
KEY = "test-gateway-key"
HANG_S = 1.5
OUTAGE_S = 1.0


class Reply(NamedTuple):
    """What a client saw."""

    status: int
    body: Any
    replayed: bool


class GatewayClient:
    """A client of the gateway that never retries: each call is one request."""

    def __init__(self, port: int, *, key: str = KEY) -> None:
        self._http = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=64, retries=False, timeout=15)
        self._headers = {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **query: Any) -> Reply:
        return self._send("GET", f"{path}?{urlencode(query, doseq=True)}", self._headers, None)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Reply:
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        return self._send("POST", path, headers, body if isinstance(body, bytes) else json.dumps(body), **options)

    def send(self, method: str, path: str) -> Reply:
        return self._send(method, path, self._headers, None)

    def _send(self, method: str, path: str, headers: dict[str, str], body: Any, **options: Any) -> Reply:
        answer = self._http.request(method, path, body=body, headers=headers, **options)
        return Reply(answer.status, answer.json(), answer.headers.get("Idempotency-Replayed") == "true")

    def authorise(
        self,
        token: str,
        *,
        amount: str = "19.90",
        key: str | None = None,
        reference: str | None = None,
        **options: Any,
    ) -> Reply:
        body = {
            "amount": amount,
            "currency": options.pop("currency", "EUR"),
            "token": token,
            "reference": reference or new_name("ref"),
        }
        return self.post("/v1/authorisations", body, key=key or new_name("key"), **options)

    def authorised(self, amount: str = "19.90", **options: Any) -> str:
        """The id of a fresh authorisation."""
        return str(self.authorise("tok_always_ok", amount=amount, **options).body["id"])

    def capture(self, authorisation: str, amount: str, *, key: str | None = None) -> Reply:
        body = {"amount": amount}
        return self.post(f"/v1/authorisations/{authorisation}/captures", body, key=key or new_name("key"))

    def void(self, authorisation: str, *, key: str | None = None) -> Reply:
        return self.post(f"/v1/authorisations/{authorisation}/void", {}, key=key or new_name("key"))

    def refund(self, capture: str, amount: str, *, key: str | None = None) -> Reply:
        return self.post(f"/v1/captures/{capture}/refunds", {"amount": amount}, key=key or new_name("key"))

    def books(self, **query: Any) -> list[dict[str, Any]]:
        """Every line of the books, or those named, read page by page."""
        lines: list[dict[str, Any]] = []
        after: str | None = "0"
        while after is not None:
            page = self.get("/v1/books", after=after, **query).body
            lines += page["results"]
            after = page["next"]
        return lines

    def presented(self, key: str) -> int:
        return int(self.get("/v1/presentations", key=key).body["presented"])


def new_name(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(8)}"


def wait_for(condition: Callable[[], bool], *, limit_s: float) -> None:
    """Return once the condition holds; fail the test when it never does."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not true after {limit_s} s"
        time.sleep(0.02)


def stop(process: subprocess.Popen[Any]) -> int:
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def gateway_environment(database_url: str, **settings: str) -> dict[str, str]:
    return {
        **os.environ,
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_KEY": KEY,
        "GATEWAY_HANG_S": str(HANG_S),
        "GATEWAY_OUTAGE_S": str(OUTAGE_S),
        "PAYMENT_FAILURE_RATE": "0.10",
        "PAYMENT_SEED": "tests",
        **settings,
    }


def start_gateway(environment: dict[str, str], *, bind: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gunicorn", "-c", "simulators/gateway/gunicorn_conf.py"]
    command += ["--bind", bind, "simulators.gateway.app:application"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **options)
