"""A small shop to buy in, seen as its clients see it, and a hand on its background work."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection
from django.test import Client

from apps.inventory import services as inventory
from apps.order import saga
from apps.order.models import Order
from apps.product import services as product
from shop import context, jobs
from shop.audit.registry import book_of
from shop.env import env
from shop.identity.models import Account
from shop.money import Money

ADDRESS = {"name": "Ada Example", "line1": "1 Main Street", "city": "Berlin", "postal_code": "10115", "country": "DE"}


@dataclass(frozen=True)
class Answer:
    """What a client saw."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def problem(self) -> str:
        return str(self.body.get("type", "")).rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Caller:
    """Somebody with certain headers."""

    headers: Mapping[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    def get(self, path: str, **headers: str) -> Answer:
        return _answer(self.client.get(path, headers={**self.headers, **headers}))

    def post(self, path: str, body: Any = None, *, key: str = "", **headers: str) -> Answer:
        sent = {**self.headers, **headers} | ({"Idempotency-Key": key} if key else {})
        return _answer(self.client.post(path, json.dumps(body or {}), "application/json", headers=sent))

    def quote(self, units: Mapping[str, int] | None, **changed: Any) -> Answer:
        """A quote for ``units`` by SKU, or for the caller's cart."""
        body: dict[str, Any] = {"shipping_address": ADDRESS, "shipping_method": "standard", "email": "ada@example.com"}
        if units is not None:
            body["lines"] = [{"sku": sku, "quantity": wanted} for sku, wanted in units.items()]
        return self.post("/order/quotes", body | changed)

    def pay(self, quote: str, token: str = "tok_always_ok", *, key: str = "") -> Answer:
        body = {"quote": quote, "payment": {"token": token}}
        return self.post("/order/orders", body, key=key or uuid4().hex)

    def buy(self, lines: Mapping[str, int], token: str = "tok_always_ok", *, key: str = "") -> Answer:
        quote = self.quote(lines)
        assert quote.status == 201, quote
        return self.pay(quote.body["id"], token, key=key)


def _answer(response: Any) -> Answer:
    return Answer(response.status_code, json.loads(response.content), response.headers)


@dataclass
class World:
    """The shop: its stock, its people, its workers."""

    guest: Caller = field(default_factory=Caller)

    @classmethod
    def furnish(cls) -> "World":
        """A category; taxes, tariff and a warehouse come with the migrations."""
        with context.working_as("product"):
            product.create_category(slug="lamps", name="Lamps")
        return cls()

    def sku(self, units: int = 10, *, price: str = "19.99", tax_class: str = "standard") -> str:
        """A new variant with so many units in stock."""
        sku = f"T-{uuid4().hex[:10].upper()}"
        variant = product.VariantDraft(sku=sku, price=Money(Decimal(price), "EUR"), tax_class=tax_class, weight_g=100)
        with context.working_as("product"):
            product.create_product(name=f"Lamp {sku}", category="lamps", variants=[variant], published=True)
        if units:
            with context.working_as("inventory"):
                inventory.receive(sku=sku, warehouse="main", quantity=units, reference="test", actor="")
        return sku

    def customer(self, **flags: Any) -> Caller:
        """A signed-in account."""
        client = Client()
        client.force_login(Account.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, **flags))
        return Caller(client=client)

    def staff(self) -> Caller:
        return self.customer(is_staff=True, is_superuser=True)

    def work(self, *, until: Callable[[], bool]) -> None:
        """Do the background work of all roles until ``until``."""
        import time

        end = time.monotonic() + 15
        while not until():
            assert time.monotonic() < end, Order.objects.values("number", "state", "step", "parked_reason")
            if not jobs.run_all():
                time.sleep(0.02)

    def advance(self) -> int:
        """One batch of due orders."""
        with context.working_as("order"):
            return saga.advance_due()

    def reach(self, number: str, *states: str) -> Order:
        """Work until the order is in one of ``states``, and at rest unless that is a waiting one."""
        self.work(until=lambda: order(number).state in states)
        return order(number)

    def rest(self, number: str) -> Order:
        """Work until its saga is at rest."""
        self.work(until=lambda: order(number).step == "" or order(number).parked)
        return order(number)


def order(number: str) -> Order:
    found: Order = Order.objects.get(number=number)
    return found


def timeline(number: str) -> list[str]:
    """States and notes of an order, in order."""
    return [row.to or row.note for row in order(number).timeline.order_by("id")]


def available(sku: str) -> int:
    from apps.inventory.models import Item

    return int(Item.objects.get(sku=sku).available)


def broken() -> set[tuple[str, str]]:
    """(rule, id) of all that the rules of order find."""
    found = set()
    with connection.cursor() as cursor:
        for name, sql in book_of("order").rules.items():
            cursor.execute(sql)
            found |= {(name, row[0]) for row in cursor.fetchall()}
    return found


class Tuned:
    """The frozen environment, changed for one test."""

    def __init__(self) -> None:
        self._saved: dict[str, Any] = {}

    def __call__(self, **values: Any) -> None:
        for name, value in values.items():
            self._saved.setdefault(name, getattr(env, name))
            object.__setattr__(env, name, value)

    def restore(self) -> None:
        self(**self._saved)
