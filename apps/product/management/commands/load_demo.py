"""``manage.py load_demo``: a first catalogue, its stock and three orders, through the shop's own API."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid5

import urllib3
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.product.demo_catalogue import CATEGORIES, NAMESPACE, PRODUCTS, DemoProduct

_WAREHOUSE = "main"  # comes with inventory's migrations
_GUEST = {
    "name": "Demo Guest",
    "line1": "1 Main Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
_ORDERS = 3
_PATIENCE_S = 60  # twice what the carrier takes with the default settings


class Command(BaseCommand):
    help = "Stock the shop at BASE_URL once; what is there already is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base_url", metavar="BASE_URL")
        parser.add_argument("file", type=Path, metavar="FILE", help="demo.json with the staff sign-in")

    def handle(self, *args: Any, **options: Any) -> None:
        demo = json.loads(options["file"].read_text())
        if demo.get("loaded"):
            return
        shop = _Client(options["base_url"], demo["admin"])
        for slug, name in CATEGORIES.items():
            shop.post("/product/categories", {"slug": slug, "name": name}, known=409)
        for number, product in enumerate(PRODUCTS, start=1):
            _add(shop, product)
            if number % 10 == 0:
                self.stdout.write(f"{number} of {len(PRODUCTS)} products")
        placed = [_order(shop, number) for number in range(_ORDERS)]
        self.stdout.write(f"{_ORDERS} orders are on their way")
        _wait_until_delivered(shop, [number for number in placed if number])
        options["file"].write_text(json.dumps(demo | {"loaded": True}, indent=2))


class _Client:
    """The public API, as staff; every request carries a key that is the same at every start."""

    def __init__(self, base_url: str, admin: Mapping[str, str]) -> None:
        self._pool = urllib3.connection_from_url(base_url, timeout=20, retries=False)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        token = self.post("/user/token", dict(admin))["access"]
        self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """What is at ``path``. Raises CommandError."""
        answer = self._pool.urlopen("GET", path, headers=self._headers)
        if answer.status != HTTPStatus.OK:
            raise CommandError(f"GET {path}: {answer.status}")
        return answer.json()

    def post(self, path: str, body: Mapping[str, object], *, known: int = 0, guest: bool = False) -> Any:
        """Send ``body``; the status ``known`` means that it is there already. Raises CommandError."""
        encoded = json.dumps(body)
        key = {"Idempotency-Key": str(uuid5(NAMESPACE, path + encoded))}
        headers = self._headers | key
        if guest:
            headers.pop("Authorization")
        answer = self._pool.urlopen("POST", path, body=encoded.encode(), headers=headers)
        if answer.status >= 300 and answer.status != known:
            raise CommandError(f"POST {path}: {answer.status} {answer.data.decode(errors='replace')[:500]}")
        return answer.json()


def _add(shop: _Client, product: DemoProduct) -> None:
    variants = [
        {
            "sku": variant.sku,
            "price": {"amount": variant.price, "currency": "EUR"},
            "options": dict(variant.options),
            "tax_class": variant.tax_class,
            "weight_g": variant.weight_g,
        }
        for variant in product.variants
    ]
    made = {"name": product.name, "description": product.description, "category": product.category}
    shop.post("/product/products", made | {"variants": variants, "published": True}, known=409)
    for variant in product.variants:
        receipt = {"sku": variant.sku, "warehouse": _WAREHOUSE, "quantity": variant.on_hand, "reference": "demo"}
        shop.post("/inventory/receipts", receipt)


def _order(shop: _Client, number: int) -> str:
    """The number of the order placed, "" where there is none."""
    sku = PRODUCTS[number].variants[0].sku
    asked = {"shipping_address": _GUEST, "shipping_method": "standard", "email": f"guest{number}@example.com"}
    quote = shop.post("/order/quotes", asked | {"lines": [{"sku": sku, "quantity": 1}]}, guest=True)
    paid = {"quote": quote["id"], "payment": {"token": "tok_always_ok"}}
    made = shop.post("/order/orders", paid, known=409, guest=True)  # its quote expired: a first start was broken off
    return str(made.get("number", ""))


def _wait_until_delivered(shop: _Client, numbers: list[str]) -> None:
    """Until they are, or for as long as a first start may take; they go on without anyone waiting."""
    end = time.monotonic() + _PATIENCE_S
    while numbers and time.monotonic() < end:
        time.sleep(0.5)
        numbers = [number for number in numbers if shop.get(f"/order/orders/{number}")["status"] != "delivered"]
