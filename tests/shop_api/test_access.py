"""Who may see and do what; what belongs to someone else does not exist."""

import time
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shop.roles import ROLES
from tests.shop_api.client import Shop


def test_foreign_orders_do_not_exist(shop: Shop) -> None:
    """404 for reading, its timeline, and cancelling."""
    sku, who, other = shop.product(on_hand=1), shop.customer(), shop.customer()
    number = shop.buy(who, sku).body["number"]
    for answer in (
        other.get(f"/order/orders/{number}"),
        other.get(f"/order/orders/{number}/timeline"),
        other.post(f"/order/orders/{number}/cancel"),
        shop.anyone.get(f"/order/orders/{number}"),
        shop.anyone.get(f"/order/orders/{number}", headers={"X-Order-Token": "0" * 64}),
    ):
        assert answer.status in {401, 404}, answer
    assert other.get("/order/orders").body["results"] == []


def test_payments_are_their_payers_and_staffs(shop: Shop) -> None:
    """Staff see every payment, a customer their own, others none."""
    sku, who, other = shop.product(on_hand=1), shop.customer(), shop.customer()
    number = shop.buy(who, sku).body["number"]
    found = shop.staff.get("/payment/payments").body["results"]
    path = next(f"/payment/payments/{payment['id']}" for payment in found if payment["order_number"] == number)
    assert [each.get(path).status for each in (shop.staff, who, other, shop.anyone)] == [200, 200, 404, 401]
    assert other.get("/payment/payments").status == 403


def test_foreign_quotes_cannot_be_paid(shop: Shop) -> None:
    """A customer's quote is worth nothing to another."""
    sku, who, other = shop.product(on_hand=1), shop.customer(), shop.customer()
    quote = shop.quote(who, sku).body["id"]
    assert shop.pay(other, quote).status == 404
    assert shop.pay(shop.anyone, quote).status in {401, 404}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_answers_with_and_without_slash(shop: Shop, role: str) -> None:
    """The API root is 200 without a redirect, and says which service it is, of which version."""
    for path in (f"/{role}", f"/{role}/"):
        answer = shop.anyone.get(path)
        assert answer.status == 200, answer
        assert answer.headers["X-Service"] == role
        assert answer.headers["X-Service-Version"] in {"v1", "v2"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", ["internal/events", "internal/audit/rules", "internal%2Fevents", "internal/anything"])
def test_internal_paths_do_not_exist_outside(shop: Shop, role: str, path: str) -> None:
    """404 without a service credential, for strangers and staff."""
    for who in (shop.anyone, shop.staff):
        for method in ("GET", "POST"):
            assert who.call(method, f"/{role}/{path}").status == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/product/products", {"name": "x", "category": "x", "variants": [], "published": True}),
        ("/inventory/receipts", {"sku": "x", "warehouse": "x", "quantity": 1, "reference": "x"}),
    ],
)
def test_staff_paths_are_for_staff(shop: Shop, path: str, body: dict[str, object]) -> None:
    """401 for strangers, 403 for customers."""
    assert shop.anyone.post(path, body, key="k").status == 401
    assert shop.customer().post(path, body, key="k").status == 403


def test_a_forged_token_is_refused(shop: Shop) -> None:
    """401 with a challenge, also where reading needs no account. A gateway says so without a problem document."""
    answer = shop.anyone.and_headers(Authorization="Bearer a.b.c").get("/order/orders")
    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_takes_a_token(shop: Shop, role: str) -> None:
    """By user's keys, also where reading needs no account."""
    assert shop.staff.get(f"/{role}").status == 200


@pytest.mark.parametrize("role", ROLES)
def test_a_token_of_an_unknown_key_is_refused(shop: Shop, role: str) -> None:
    """401: by the role, once it has asked user for the keys that there are now, or by a gateway in front of it."""
    header = {"kid": uuid4().hex, "typ": "at+jwt"}
    claims = {"sub": str(uuid4()), "exp": time.time() + 60}
    token = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header)
    answer = shop.anyone.and_headers(Authorization=f"Bearer {token}").get(f"/{role}")
    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
