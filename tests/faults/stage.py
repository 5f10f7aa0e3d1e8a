"""One topology under faults, and what a case needs of it: arming, patience, the outside companies' books."""

import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import Request
from uuid import uuid4

import jwt
import psycopg
import urllib3
from psycopg.rows import dict_row

from shop import faults
from shop.control import Control
from shop.identity import credentials, keyfiles
from shop.roles import OPERATOR
from tests import topology
from tests.shop_api.browser import Browser, Page
from tests.shop_api.client import Answer, Api, Shop, wait_for

# Beside the suite's own limits: a crash costs a restart, and several happen at once. An order must not be
# rejected for that alone, so its deadline is longer than any queue of restarts here.
LIMITS = {"PENDING_DEADLINE_S": "40", "RESERVATION_LIFETIME_S": "80", "QUOTE_LIFETIME_S": "120"}
HURRIED_S = 6  # the pending deadline where a test waits for it to pass

_PATIENCE_S = 60  # of a client whose connections are lost: longer than any restart
_AWAY = {502, 503, 504}  # what a proxy says of a process that is starting
_HTTP = urllib3.PoolManager(maxsize=16, retries=False, timeout=urllib3.Timeout(total=20))


@dataclass(frozen=True)
class PatientApi(Api):
    """A client that repeats what brought no answer, under the same key: as a real one would."""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        key = key or (uuid4().hex if method == "POST" else None)
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                answer = super().call(method, path, body, key=key, headers=headers)
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > end:
                    raise
            else:
                if not _is_no_answer(answer) or time.monotonic() > end:
                    return answer
            time.sleep(0.1)

    def and_headers(self, **headers: str) -> "PatientApi":
        return PatientApi(self.base_url, {**self.headers, **headers})


def _is_no_answer(answer: Answer) -> bool:
    return answer.status in _AWAY or answer.problem == "request-in-progress"


class PatientBrowser(Browser):
    """A person who sends a form again until it is answered."""

    def _open(self, request: Request) -> Page:
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                page = super()._open(request)
            except (OSError, HTTPException):
                if time.monotonic() > end:
                    raise
            else:
                if page.status not in _AWAY or time.monotonic() > end:
                    return page
            time.sleep(0.1)


@dataclass
class Stage:
    """A running topology. ``shop`` waits for what is down, ``anyone`` does not."""

    kind: str
    shop: Shop
    control: Control
    folder: Path
    description: dict[str, Any]

    @property
    def anyone(self) -> Api:
        """A client without patience: it sees what is down."""
        return Api(self.description["base_url"])

    @property
    def worker(self) -> str:
        """The process that drives orders on."""
        return "worker" if self.kind == "one" else "order-worker"

    def arm(self, point: str, action: str) -> None:
        """Let the next process that reaches ``point`` suffer ``action``. Complete at once: by a rename."""
        fresh = self.folder / f".{uuid4().hex}"
        fresh.write_text(action)
        fresh.rename(faults.file_of(self.folder, point))

    def has_fired(self, point: str) -> bool:
        return not faults.file_of(self.folder, point).exists()

    def disarm(self, point: str) -> None:
        faults.file_of(self.folder, point).unlink(missing_ok=True)

    def clerk_at(self, path: str) -> tuple[Browser, Page]:
        """A signed-in member of the staff, and the page at ``path`` of order's admin."""
        told = topology.variables(self.description)
        browser = PatientBrowser(self.description["base_url"])
        browser.sign_in(told["SHOP_STAFF_EMAIL"], told["SHOP_STAFF_PASSWORD"])
        # Whoever vouched, or took the voucher, may have died of it: then it is asked for again.
        home = wait_for(lambda: browser.visit("/order/admin/"), lambda page: page.path.endswith("/admin/"))
        return browser, browser.get(home.path + path)

    def gateway_lines(self, reference: str) -> list[dict[str, Any]]:
        """Every movement the gateway has under an order's key, oldest first."""
        found: list[dict[str, Any]] = []
        authorised = self._gateway("GET", f"/v1/authorisations?{urlencode({'reference': reference})}")["results"]
        for each in authorised:
            found += [each, *each["captures"], *each["refunds"], *each["voids"]]
        return found

    def void_at_gateway(self, reference: str) -> None:
        """The bank lets the authorisation go by itself: a later capture is refused.

        Under the key that payment will use, so that in the end the books agree line by line.
        """
        (line,) = self.gateway_lines(reference)
        payment_id = line["key"].partition(":")[0]
        self._gateway("POST", f"/v1/authorisations/{line['id']}/void", key=f"{payment_id}:void")

    def _gateway(self, method: str, path: str, key: str = "") -> Any:
        gateway = self.description["gateway"]
        headers = {"Authorization": f"Bearer {gateway['key']}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        body = b"{}" if method == "POST" else None
        answer = _HTTP.request(method, gateway["url"] + path, headers=headers, body=body)
        assert answer.status in {200, 201}, (answer.status, answer.data)
        return answer.json()

    def mails_to(self, email: str) -> list[dict[str, Any]]:
        """What the mail server holds for an address."""
        url = f"{self.description['mailbox_url']}/messages?{urlencode({'to': email, 'limit': 1000})}"
        found: list[dict[str, Any]] = _HTTP.request("GET", url).json()
        return found

    def audit(self) -> list[str]:
        """The audit's lines once nothing is under way; none when the books agree."""
        command = shlex.split(topology.variables(self.description)["SHOP_AUDIT"])
        done = subprocess.run([*command, "--drain"], capture_output=True, text=True, timeout=300, check=False)
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        assert bool(lines) == bool(done.returncode), (done.returncode, lines)
        return lines

    def internal(self, caller: str, role: str, path: str, body: object, key: str = "") -> Answer:
        """A call between roles, as the network might bring it late: under the caller's own credential."""
        minted = jwt.encode(
            {"iss": caller, "aud": role, "iat": int(time.time()), "exp": int(time.time()) + 30},
            keyfiles.private_key(Path(self.description["environment"]["SERVICE_KEYS_DIR"]) / f"{caller}.pem"),
            algorithm="EdDSA",
            headers={"typ": credentials.TYPE},
        )
        api = PatientApi(self.description["roles"][role]["url"], {credentials.HEADER: minted})
        return api.post(path, body, key=key or uuid4().hex)

    def reservation_of(self, number: str) -> str:
        """Under which id order reserved: as it tells the audit."""
        path, after = "/order/internal/audit/facts/reservations", ""
        while page := self.internal(OPERATOR, "order", path, {"after": after}).body["facts"]:
            for fact in page:
                if fact["order_number"] == number:
                    return str(fact["id"])
            after = page[-1]["id"]
        raise LookupError(number)

    def told(self, emitter: str, name: str, number: str) -> dict[str, Any]:
        """An event about an order as its emitter keeps it: what a relay would send, and may send again."""
        query = "SELECT * FROM events_event WHERE emitter = %s AND name = %s AND payload->>'order_number' = %s"
        with (
            psycopg.connect(self.description["roles"][emitter]["database_url"], row_factory=dict_row) as connection,
            connection.execute(query, [emitter, name, number]) as found,
        ):
            (event,) = found.fetchall()
        return {key: event[key] for key in ("name", "aggregate", "sequence", "payload")} | {"id": str(event["id"])}

    @contextmanager
    def lost(self, point: str) -> Iterator[None]:
        """Meanwhile nothing gets past ``point``."""
        self.arm(point, "lose always")
        try:
            yield
        finally:
            self.disarm(point)

    @contextmanager
    def hurried(self) -> Iterator[Self]:
        """Meanwhile orders are rejected after HURRIED_S."""
        self._restart_order({"PENDING_DEADLINE_S": str(HURRIED_S)})
        try:
            yield self
        finally:
            self._restart_order({})

    def _restart_order(self, env: Mapping[str, str]) -> None:
        names = ["web", "worker"] if self.kind == "one" else ["order", "order-worker"]
        for name in names:
            self.control.stop(name)
            self.control.start(name, env=env)

    @contextmanager
    def down(self, *roles: str) -> Iterator[Self]:
        """Web and worker of ``roles`` are stopped meanwhile (split only)."""
        names = [name for role in roles for name in (f"{role}-worker", role)]
        for name in names:
            self.control.stop(name)
        try:
            yield self
        finally:
            for name in reversed(names):
                self.control.start(name)


@contextmanager
def running(kind: str) -> Iterator[Stage]:
    """Start a topology with a folder for faults; nothing is armed yet."""
    with (
        tempfile.TemporaryDirectory(prefix="shop-faults-") as folder,
        topology.running(kind, FAULTS_DIR=folder, **LIMITS) as description,
    ):
        yield Stage(
            kind=kind,
            shop=_shop(description),
            control=Control(description["control"]),
            folder=Path(folder),
            description=description,
        )


def _shop(description: dict[str, Any]) -> Shop:
    told = topology.variables(description)
    anyone = PatientApi(description["base_url"])
    credentials = {"email": told["SHOP_STAFF_EMAIL"], "password": told["SHOP_STAFF_PASSWORD"]}
    signed_in = anyone.post("/user/token", credentials)
    assert signed_in.status == 200, signed_in
    return Shop(anyone=anyone, staff=anyone.and_headers(Authorization=f"Bearer {signed_in.body['access']}"))
