"""Vouchers: what opens a session at another role, and what does not."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.db.models.functions import Now

from shop import context
from shop.env import env
from shop.identity import issuing, keyfiles, sign_on, tokens, vouchers
from shop.identity.models import Account, TokenKey, UsedSignOn
from shop.identity.retention import tidy_sign_ons

SECRET = "of-the-cookie"
STATE = vouchers.state_of(SECRET)
pytestmark = pytest.mark.django_db(transaction=True)
Forge = Callable[..., str]


@pytest.fixture(autouse=True)
def at_order(fresh_start: None, transactional_db: None) -> Iterator[None]:
    """Vouchers are checked by role order, with the keys of user that it has kept."""
    for jwk in keyfiles.public_set(env.token_keys)["keys"]:
        TokenKey.objects.create(kid=jwk["kid"], jwk=jwk)
    with context.working_as("order"):
        yield


@pytest.fixture
def clerk() -> Account:
    return Account(email="clerk@example.com", name="Clerk", is_staff=True, staff_roles=["order-clerk"])


@pytest.fixture
def forge(clerk: Account) -> Forge:
    """A voucher like ``mint``'s with some claims, its type or its key changed."""

    def make(*, key: Ed25519PrivateKey | None = None, typ: str = vouchers.TYPE, **claims: object) -> str:
        kid, own = tokens.signing_key()
        good = jwt.decode(mint(clerk), options={"verify_signature": False})
        return jwt.encode(good | claims, key or own, algorithm="EdDSA", headers={"typ": typ, "kid": kid})

    return make


def mint(account: Account, *, path: str = "/order/admin/order/order/", until: float = 1e12) -> str:
    return vouchers.mint(account=account, role="order", state=STATE, path=path, until=until)


def test_it_says_who_where_to_and_for_how_long(clerk: Account) -> None:
    """15 minutes, or until the sign-in at user ends, if that is sooner."""
    read = vouchers.verify(mint(clerk), role="order", secret=SECRET)
    assert (read.account.pk, read.account.email, read.account.staff_roles) == (clerk.pk, clerk.email, ["order-clerk"])
    assert read.account.has_perm("order.refund_order")
    assert read.path == "/order/admin/order/order/"
    assert 0 < read.until - time.time() <= 15 * 60
    soon = time.time() + 60
    assert vouchers.verify(mint(clerk, until=soon), role="order", secret=SECRET).until == soon


def test_nothing_else_opens_a_session(clerk: Account, forge: Forge) -> None:
    """Another role, browser, issuer, key or type; expired, too long-lived, without its claims, no token at all."""
    now = int(time.time())
    assert vouchers.verify(forge(), role="order", secret=SECRET)
    wrong = {
        "role": forge(aud="payment"),
        "issuer": forge(iss="shop/order"),
        "key": forge(key=Ed25519PrivateKey.generate()),
        "type": forge(typ=issuing.TYPE),
        "access token": tokens.mint(clerk),
        "expired": forge(iat=now - 120, exp=now - 60),
        "long": forge(exp=now + 3600),
        "long session": forge(until=now + 3600),
        "state": forge(state=vouchers.state_of("another")),
        "no id": forge(jti="1"),
        "no roles": forge(staff_roles=None),
        "no state": forge(state=None),
        "text": "a.b.c",
        "nothing": "",
    }
    accepted = []
    for name, token in wrong.items():
        try:
            found = vouchers.verify(token, role="order", secret=SECRET)
        except vouchers.InvalidVoucher:
            continue
        accepted.append((name, found.account.staff_roles))
    assert accepted == [("no roles", [])]
    for secret in ("", "another"):
        with pytest.raises(vouchers.InvalidVoucher):
            vouchers.verify(forge(), role="order", secret=secret)
    with pytest.raises(tokens.InvalidToken):
        tokens.verify(forge())


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/order/admin/order/order/?q=1&e=//x", "/order/admin/order/order/?q=1&e=//x"),
        ("/order/orders", "/order/orders"),
        ("/order/admin/login/?next=/order/admin/", "/order/admin/"),
        ("/order/admin/logout/", "/order/admin/"),
        ("/orders", "/order/admin/"),
        ("/payment/admin/", "/order/admin/"),
        ("https://evil.example/order/", "/order/admin/"),
        ("//evil.example/order/", "/order/admin/"),
        ("/order//evil.example", "/order/admin/"),
        ("/order/../user/", "/order/admin/"),
        ("/order/%2e%2e/user/", "/order/admin/"),
        ("/order/\r\nSet-Cookie: x=1", "/order/admin/"),
        ("/order/%0d%0aSet-Cookie: x=1", "/order/admin/"),
        ("/order/" + "x" * 3000, "/order/admin/"),
        ("", "/order/admin/"),
    ],
)
def test_it_leads_to_the_roles_own_paths_alone(path: str, leads_to: str) -> None:
    """Whatever stands in an address that somebody was sent."""
    assert vouchers.own_path("order", path) == leads_to


def test_a_voucher_is_used_once(clerk: Account) -> None:
    """Its id is kept; the shadow has the roles and the address that user names, whoever had it before."""
    former = Account.objects.create_user(email=clerk.email, password=None)
    voucher = vouchers.verify(mint(clerk), role="order", secret=SECRET)
    assert sign_on.accept(voucher=voucher).staff_roles == ["order-clerk"]
    with pytest.raises(sign_on.AlreadyUsed):
        sign_on.accept(voucher=voucher)
    former.refresh_from_db()
    assert former.email == f"{former.pk}@former.invalid"
    assert Account.objects.get(email=clerk.email).pk == clerk.pk


def test_a_used_voucher_is_remembered_while_it_could_be_taken(clerk: Account, forge: Forge) -> None:
    """Clocks differ, so one that has just expired still opens a session: no second one, tidied up or not."""
    now = int(time.time())
    voucher = vouchers.verify(forge(iat=now - 62, exp=now - 2, until=now), role="order", secret=SECRET)
    sign_on.accept(voucher=voucher)
    assert tidy_sign_ons() == 0
    with pytest.raises(sign_on.AlreadyUsed):
        sign_on.accept(voucher=voucher)
    UsedSignOn.objects.update(expires_at=Now() - timedelta(hours=1))
    assert (tidy_sign_ons(), UsedSignOn.objects.count()) == (1, 0)


def test_of_many_who_use_one_at_once_one_comes_in(clerk: Account) -> None:
    """The others are refused, and nothing breaks."""
    voucher = vouchers.verify(mint(clerk), role="order", secret=SECRET)
    ready = Barrier(8)

    def enter(_: int) -> bool:
        ready.wait(10)
        try:
            sign_on.accept(voucher=voucher)
        except sign_on.AlreadyUsed:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(enter, range(8))) == 1
