"""``manage.py load_demo``: a first catalogue with stock and pictures, and three orders on their way."""

import csv
import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid5

import urllib3
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.product.demo import CATALOGUE, draw
from apps.product.importing import named_pictures
from apps.product.models import Variant
from shop.env import env

_NAMESPACE = UUID("6f0f3f2e-93b5-4f0c-9d0c-2d1a5d7a4c11")  # of the keys under which orders are placed
_CURRENCY = "EUR"
_ORDERED = ("desk-lamp-with-jointed-arm", "stoneware-mug", "lambswool-throw")
_GUEST = {
    "name": "Demo Guest",
    "line1": "1 Main Street",
    "city": "Berlin",
    "postal_code": "10115",
    "country": "DE",
}
_PATIENCE_S = 60  # twice what the carrier takes with the default settings
_STOCK_S = 30  # in which the worker tells inventory of the opening stock, several times over
_AT_ONCE = 20  # pictures drawn before the worker gets them


class Command(BaseCommand):
    help = "Stock the shop at BASE_URL once; what is there already is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("base_url", metavar="BASE_URL")
        parser.add_argument("file", type=Path, metavar="FILE", help="demo.json with the staff sign-in")

    def handle(self, *args: Any, **options: Any) -> None:
        demo = json.loads(options["file"].read_text())
        if demo.get("loaded"):
            return
        call_command("import_catalog", str(CATALOGUE), currency=_CURRENCY, stdout=self.stdout, stderr=self.stderr)
        shop = _Client(options["base_url"], demo["admin"])
        placed = [_order(shop, number, slug) for number, slug in enumerate(_ORDERED)]
        self.stdout.write(f"{len(placed)} orders are on their way")
        _draw_pictures()
        self.stdout.write("pictures are drawn; the worker makes their thumbnails")
        _wait_until_delivered(shop, [number for number in placed if number])
        options["file"].write_text(json.dumps(demo | {"loaded": True}, indent=2))


class _Client:
    """The public API, as staff; every request carries a key that is the same at every start."""

    def __init__(self, base_url: str, admin: Mapping[str, str]) -> None:
        self._pool = urllib3.connection_from_url(base_url, timeout=20, retries=False)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        token = self.post("/user/token", dict(admin))["access"]
        self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, *, missing: Any = None) -> Any:
        """What is at ``path``; ``missing``, if given, where nothing is. Raises CommandError."""
        answer = self._pool.urlopen("GET", path, headers=self._headers)
        if answer.status == HTTPStatus.NOT_FOUND and missing is not None:
            return missing
        if answer.status != HTTPStatus.OK:
            raise CommandError(f"GET {path}: {answer.status}")
        return answer.json()

    def post(self, path: str, body: Mapping[str, object], *, known: int = 0, guest: bool = False) -> Any:
        """Send ``body``; the status ``known`` means that it is there already. Raises CommandError."""
        encoded = json.dumps(body)
        key = {"Idempotency-Key": str(uuid5(_NAMESPACE, path + encoded))}
        headers = self._headers | key
        if guest:
            headers.pop("Authorization")
        answer = self._pool.urlopen("POST", path, body=encoded.encode(), headers=headers)
        if answer.status >= 300 and answer.status != known:
            raise CommandError(f"POST {path}: {answer.status} {answer.data.decode(errors='replace')[:500]}")
        return answer.json()


def _order(shop: _Client, number: int, slug: str) -> str:
    """The number of the order placed, "" where there is none."""
    sku = Variant.objects.get(product__slug=slug, position=0).sku
    _wait_for_stock(shop, sku)
    asked = {"shipping_address": _GUEST, "shipping_method": "standard", "email": f"guest{number}@example.com"}
    quote = shop.post("/order/quotes", asked | {"lines": [{"sku": sku, "quantity": 1}]}, guest=True)
    paid = {"quote": quote["id"], "payment": {"token": "tok_always_ok"}}
    made = shop.post("/order/orders", paid, known=409, guest=True)  # its quote expired: a first start was broken off
    return str(made.get("number", ""))


def _wait_for_stock(shop: _Client, sku: str) -> None:
    """Opening stock follows its import. Raises CommandError where it does not."""
    end = time.monotonic() + _STOCK_S
    while not shop.get(f"/inventory/stock/{sku}", missing={"available": 0})["available"]:
        if time.monotonic() > end:
            raise CommandError(f"inventory has no stock of {sku} after {_STOCK_S} s: is the worker running?")
        time.sleep(0.2)


def _draw_pictures() -> None:
    """Draw what the catalogue names, and hand it over as it comes: the worker has most to do with it.

    What lists show first comes first: each product's first picture, the newest product's before.
    """
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["Image Src"]]
    rows.reverse()
    rows.sort(key=lambda row: int(row["Image Position"]))
    names = list(dict.fromkeys(row["Image Src"] for row in rows))[: env.demo_pictures]
    for start in range(0, len(names), _AT_ONCE):
        _draw(names[start : start + _AT_ONCE])


def _draw(names: Sequence[str]) -> None:
    with TemporaryDirectory(prefix="shop-demo-") as folder:
        draw.draw_into(Path(folder), names)
        named_pictures.hand_over(Path(folder))


def _wait_until_delivered(shop: _Client, numbers: list[str]) -> None:
    """Until they are, or for as long as a first start may take; they go on without anyone waiting."""
    end = time.monotonic() + _PATIENCE_S
    while numbers and time.monotonic() < end:
        time.sleep(0.5)
        numbers = [number for number in numbers if shop.get(f"/order/orders/{number}")["status"] != "delivered"]
