import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from apps.inventory import services as inventory
from apps.product import services as product
from apps.product.drafts import VariantDraft
from shop import faults
from shop.identity.models import Account
from shop.money import Money


class Shopper:
    """Somebody with a cart: a signed-in customer, or a guest who keeps the token of the first answer."""

    def __init__(self, account: Account | None = None, token: str = "") -> None:
        self.client, self.account, self.token = Client(), account, token
        if account:
            self.client.force_login(account)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        if self.token:
            headers["X-Cart-Token"] = self.token
        return self.client.generic(
            method, path, b"" if body is None else json.dumps(body).encode(), "application/json", headers=headers
        )

    def add(self, sku: str, quantity: int = 1, **headers: str) -> Any:
        answer = self.send("POST", "/cart/items", {"sku": sku, "quantity": quantity}, **headers)
        self.token = answer.headers.get("X-Cart-Token", self.token)
        return answer

    def cart(self) -> Any:
        answer = self.send("GET", "/cart")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def units(self) -> dict[str, int]:
        return {item["sku"]: item["quantity"] for item in self.cart()["items"]}


def customer() -> Shopper:
    """A new customer, signed in."""
    return Shopper(Account.objects.create_user(email=f"{uuid4().hex}@example.com", password=None))


def sell(*skus: str, price: str = "2.50", currency: str = "EUR") -> None:
    """Publish a product with these SKUs."""
    variants = [
        VariantDraft(sku=sku, price=Money.parse(price, currency), options={"Colour": "blue"} if sku == "A" else {})
        for sku in skus
    ]
    product.create_product(name="Lamp", category="lamps", variants=variants, published=True)


def stock(sku: str, units: int) -> None:
    """Receive units of a SKU."""
    inventory.receive(sku=sku, warehouse="main", quantity=units, reference="note", actor="")


@pytest.fixture(autouse=True)
def shop(transactional_db: None) -> None:
    """A category to sell in."""
    product.create_category(slug="lamps", name="Lamps")


@pytest.fixture
def lose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Let the next call of cart to (role, path) get no answer."""
    monkeypatch.setattr(faults, "env", replace(faults.env, faults=tmp_path))

    def arm(role: str, path: str) -> None:
        (tmp_path / f"call:cart:{role}:{path}:before".replace("/", "_")).write_text("lose")

    return arm


PRICES = ("product", "/product/internal/prices")
LEVELS = ("inventory", "/inventory/internal/availability")
