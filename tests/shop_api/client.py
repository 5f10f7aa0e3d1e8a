"""What the black-box suite knows of a shop: a base URL, staff credentials, and an audit command."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import urllib3

T = TypeVar("T")

ADDRESS = {
    "name": "Ada Example",
    "line1": "1 Main Street",
    "line2": "",
    "city": "Berlin",
    "postal_code": "10115",
    "region": "",
    "country": "DE",
}
PASSWORD = "correct-horse-battery"  # of accounts the suite makes for itself
_POOL = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(total=20))


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``body`` is parsed JSON, or text."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """The slug of a problem+json answer, "" otherwise."""
        if self.headers.get("Content-Type") != "application/problem+json":
            return ""
        return str(self.body["type"]).rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Api:
    """Somebody speaking to the shop: ``headers`` say who."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; ``key`` is its Idempotency-Key. Connection errors are raised."""
        sent = {"Accept": "application/json", **self.headers, **(headers or {})}
        if key:
            sent["Idempotency-Key"] = key
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        response = _POOL.request(method, self.base_url + path, body=data, headers=sent, redirect=False)
        content = response.headers.get("Content-Type", "")
        parsed = json.loads(response.data) if content.endswith("json") else response.data.decode(errors="replace")
        return Answer(response.status, response.headers, parsed)

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.call("POST", path, {} if body is None else body, **kwargs)

    def patch(self, path: str, body: Any, **kwargs: Any) -> Answer:
        return self.call("PATCH", path, body, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Answer:
        return self.call("DELETE", path, **kwargs)

    def and_headers(self, **headers: str) -> "Api":
        return Api(self.base_url, {**self.headers, **headers})


@dataclass(frozen=True)
class Shop:
    """The shop under test, and short words for what nearly every test does first."""

    anyone: Api
    staff: Api

    def customer(self, email: str | None = None) -> Api:
        """A new account, signed in."""
        email = email or f"{uuid4().hex[:12]}@example.com"
        registered = self.anyone.post("/user/register", {"email": email, "password": PASSWORD, "name": "Ada"})
        assert registered.status == 201, registered
        return self.signed_in(email)

    def signed_in(self, email: str) -> Api:
        token = self.anyone.post("/user/token", {"email": email, "password": PASSWORD})
        assert token.status == 200, token
        return self.anyone.and_headers(Authorization=f"Bearer {token.body['access']}")

    def product(self, *, price: str = "19.99", on_hand: int = 0, currency: str = "EUR") -> str:
        """A new published product with one variant and its stock; its SKU."""
        sku = f"T-{uuid4().hex[:10].upper()}"
        made = self.staff.post(
            "/product/products",
            {
                "name": f"Lamp {sku}",
                "category": self.category(),
                "variants": [{"sku": sku, "price": {"amount": price, "currency": currency}, "options": {}}],
                "published": True,
            },
        )
        assert made.status == 201, made
        if on_hand:
            self.stock(sku, on_hand)
        return sku

    def category(self) -> str:
        """Any category there is."""
        found = self.anyone.get("/product/categories")
        return str(found.body["results"][0]["slug"])

    def warehouse(self) -> str:
        """Any warehouse there is."""
        return str(self.staff.get("/inventory/warehouses").body["results"][0]["code"])

    def stock(self, sku: str, units: int) -> None:
        """Receive units of ``sku``."""
        receipt = {"sku": sku, "warehouse": self.warehouse(), "quantity": units, "reference": "test"}
        received = self.staff.post("/inventory/receipts", receipt, key=uuid4().hex)
        assert received.status == 201, received

    def available(self, sku: str) -> int:
        return int(self.anyone.get(f"/inventory/stock/{sku}").body["available"])

    def quote(self, who: Api, sku: str, quantity: int = 1, **more: Any) -> Answer:
        """A quote for explicit lines; guests give an address of e-mail."""
        body: dict[str, Any] = {
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
            "lines": [{"sku": sku, "quantity": quantity}],
        }
        if "Authorization" not in who.headers:
            body["email"] = f"{uuid4().hex[:12]}@example.com"
        return who.post("/order/quotes", body | more)

    def pay(self, who: Api, quote: str, token: str = "tok_always_ok", key: str | None = None) -> Answer:
        """Place the order of a quote."""
        return who.post("/order/orders", {"quote": quote, "payment": {"token": token}}, key=key or uuid4().hex)

    def buy(
        self, who: Api, sku: str, quantity: int = 1, token: str = "tok_always_ok", key: str | None = None
    ) -> Answer:
        """Quote and pay in one."""
        quote = self.quote(who, sku, quantity)
        if quote.status != 201:
            return quote
        return self.pay(who, quote.body["id"], token, key)

    def order(self, number: str) -> dict[str, Any]:
        """An order as staff see it."""
        found = self.staff.get(f"/order/orders/{number}")
        assert found.status == 200, found
        return dict(found.body)

    def wait_for_state(self, number: str, states: str | Sequence[str], within_s: float = 40) -> dict[str, Any]:
        """Wait until an order is in one of ``states``."""
        wanted = [states] if isinstance(states, str) else list(states)
        return wait_for(lambda: self.order(number), lambda order: order["status"] in wanted, within_s=within_s)

    def mails_to(self, email: str) -> list[dict[str, Any]]:
        """What the development mailbox holds for an address, newest first."""
        found = self.staff.get(f"/notification/mailbox?to={email}")
        assert found.status == 200, found
        return list(found.body["results"])


def wait_for(read: Callable[[], T], good: Callable[[T], bool], *, within_s: float = 20) -> T:
    """Read until ``good``; the last value read. Fails with that value at the limit."""
    end = time.monotonic() + within_s
    while True:
        value = read()
        if good(value):
            return value
        assert time.monotonic() < end, f"not within {within_s} s: {value}"
        time.sleep(0.05)
