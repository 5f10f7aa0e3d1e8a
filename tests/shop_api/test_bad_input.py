"""Nothing a client sends causes a 500: it is told what is wrong."""

import json
import urllib.request
from base64 import b64encode
from typing import Any

import pytest

from tests.shop_api.client import ADDRESS, Shop

NONSENSE: list[Any] = [None, [], "x", 1, {"": None}, {"lines": "x"}, {"quantity": -1}, {"sku": ["a"]}, {"email": {}}]
POSTS = [
    "/user/register",
    "/user/token",
    "/user/token/refresh",
    "/cart/items",
    "/cart/merge",
    "/order/quotes",
    "/order/orders",
    "/product/products",
    "/inventory/receipts",
]


@pytest.mark.parametrize("path", POSTS)
def test_nonsense_is_a_problem(shop: Shop, path: str) -> None:
    """Any JSON at all gets a 4xx problem with a type."""
    for body in NONSENSE:
        answer = shop.staff.call("POST", path, body if body is not None else [], key="nonsense")
        assert 400 <= answer.status < 500, (body, answer)
        assert answer.problem, (body, answer)


@pytest.mark.parametrize("path", POSTS)
def test_broken_json_is_a_problem(shop: Shop, path: str) -> None:
    """Malformed JSON, and JSON of another charset, get a 400."""
    import urllib3

    for raw in (b"{", b"\xff\xfe", b'{"a": "\\u0000"}', b"[" * 5000):
        headers = {**shop.staff.headers, "Content-Type": "application/json", "Idempotency-Key": "broken"}
        answer = urllib3.request("POST", shop.staff.base_url + path, body=raw, headers=headers, retries=False)
        assert 400 <= answer.status < 500, (raw[:10], answer.status, answer.data[:300])


@pytest.mark.parametrize(
    "path",
    [
        "/product/products?cursor=nonsense",
        "/product/products?limit=0",
        "/product/products?limit=99999999999999999999",
        "/product/products?price_min=abc",
        "/product/products?price_max=1e999",
        "/product/products?ordering=nonsense",
        "/product/products?in_stock=perhaps",
        "/product/products?search=%00",
        "/order/orders?cursor=" + "A" * 500,
        "/order/orders?cursor=" + b64encode(b"p=not-a-date").decode(),
        "/order/orders?cursor=" + b64encode(b"p=2026-01-01%00").decode(),
    ],
)
def test_bad_parameters_are_a_problem(shop: Shop, path: str) -> None:
    """A parameter that means nothing is refused, not ignored."""
    answer = shop.staff.get(path)
    assert (answer.status, bool(answer.problem)) == (400, True), answer


@pytest.mark.parametrize(
    "path",
    [
        "/product/products/NO-SUCH-SKU",
        "/order/orders/NOSUCHNUMB",
        "/order/quotes/not-a-uuid",
        "/shipping/shipments/nothing",
        "/inventory/stock/%20",
        "/nothing",
        "/order/nothing/at/all",
    ],
)
def test_what_does_not_exist_is_404(shop: Shop, path: str) -> None:
    """A problem, whoever made the 404."""
    answer = shop.staff.get(path)
    assert answer.status == 404, answer


def test_methods_that_do_not_exist_are_405(shop: Shop) -> None:
    """With a problem."""
    answer = shop.staff.call("DELETE", "/product/products")
    assert (answer.status, answer.problem) == (405, "method-not-allowed")


def test_placing_an_order_needs_a_key(shop: Shop) -> None:
    """400 idempotency-key-required: without one a retry could buy twice."""
    quote = shop.quote(shop.anyone, shop.product(on_hand=1)).body["id"]
    answer = shop.anyone.post("/order/orders", {"quote": quote, "payment": {"token": "tok_always_ok"}})
    assert (answer.status, answer.problem) == (400, "idempotency-key-required")


def test_a_quote_names_what_is_wrong(shop: Shop) -> None:
    """Every bad field is named."""
    answer = shop.anyone.post("/order/quotes", {"shipping_address": {**ADDRESS, "country": "Germany"}})
    assert (answer.status, answer.problem) == (400, "invalid")
    assert {"shipping_address", "shipping_method"} <= set(answer.body["errors"])


@pytest.mark.parametrize("header", ["Baggage", "Traceparent", "X-Request-Id"])
def test_a_header_that_cannot_be_handed_on_harms_nobody(shop: Shop, header: str) -> None:
    """What urllib3 takes for its own mark of a header to leave out; a quote asks four other roles. Sent without it."""
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "email": "ada@example.com"}
    lines = {"lines": [{"sku": shop.product(on_hand=1), "quantity": 1}]}
    request = urllib.request.Request(
        f"{shop.anyone.base_url}/order/quotes",
        data=json.dumps(body | lines).encode(),
        headers={"Content-Type": "application/json", header: "@@@SKIP_HEADER@@@"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201
