"""User tokens at the gateways: which are refused there, and that none is while the keys change."""

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import jwt
import pytest
import urllib3

from deploy import local, rotate_keys
from deploy.lab import cluster
from deploy.lab.istio import INGRESS, PUBLIC
from deploy.lab.lab import Lab
from shop.identity import issuing, keyfiles
from shop.roles import KEYS, ROLES
from tests.cluster.customers import loaded
from tests.cluster.shop import counted
from tests.cluster.waiting import settled
from tests.mesh.tokens import REFUSED, Signer
from tests.shop_api.client import PASSWORD, Answer, Api, Shop

_A_DAY_S = 86400.0
_ALONE_S = 12  # in which a rotation that waits for nobody ends, its own pause included
_ISTIOD = "15012"  # where proxies ask it


def _signing() -> Signer:
    folder = local.folder() / "tokens"
    kid = keyfiles.active_kid(folder)
    return Signer(kid, keyfiles.private_key(folder / f"{kid}.pem"))


def _unsigned() -> str:
    parts = ({"alg": "none", "typ": issuing.TYPE}, {"iss": issuing.ISSUER, "sub": str(uuid4())})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


_NO_TOKENS = {"unsigned": _unsigned(), "garbage": "a.b.c", "no token at all": "secret"}


@pytest.fixture(params=["public", "internal"])
def gateway(request: pytest.FixtureRequest, shop: Shop, office: Api) -> Api:
    return shop.anyone if request.param == "public" else office


def _with(who: Api, token: str, path: str = "/payment/payments") -> Answer:
    return who.and_headers(Authorization=f"Bearer {token}").get(path)


@pytest.mark.parametrize("kind", [*REFUSED, *_NO_TOKENS])
def test_what_user_did_not_sign_is_refused_before_a_role_hears_of_it(lab: Lab, gateway: Api, kind: str) -> None:
    """With a challenge, at either gateway; the role counts no request, and has put no name on the answer."""
    before = _heard(lab)
    answer = _with(gateway, _NO_TOKENS.get(kind) or _signing().refused(kind))
    assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (REFUSED.get(kind, 401), "Bearer")
    assert "X-Service" not in answer.headers
    assert _heard(lab) == before


def test_without_a_token_and_with_a_good_one_the_role_is_asked(lab: Lab, gateway: Api) -> None:
    """The control of the test above: 401 and 403 of the role's own, problems that it counted and signed."""
    before = _heard(lab)
    for answer, status in ((gateway.get("/payment/payments"), 401), (_with(gateway, _signing().token()), 403)):
        assert (answer.status, answer.headers["X-Service"]) == (status, "payment")
        assert answer.problem
    assert _heard(lab) == before + 2


def test_a_token_in_the_address_is_none(shop: Shop) -> None:
    """Neither a good one, which would stand in every log, nor a forged one is looked at."""
    for token in (_signing().token(), _signing().refused("forged")):
        answer = shop.anyone.get(f"/payment/payments?access_token={token}")
        assert (answer.status, answer.headers["X-Service"]) == (401, "payment")


def _heard(lab: Lab) -> float:
    """GETs of the list of payments that reached payment's code, in all of its pods."""
    return counted(lab, "payment-service", 'method="GET"', 'view="payment:payments"')


@pytest.fixture
def customer(shop: Shop) -> str:
    """The address of e-mail of a new account."""
    email = f"{uuid4().hex[:12]}@example.com"
    shop.customer(email)
    return email


@pytest.mark.last  # it ends all tokens of before
def test_keys_change_and_no_valid_token_is_refused(lab: Lab, shop: Shop, office: Api, customer: str) -> None:
    """Tokens of the old key and the new one, at every role through either gateway; later the old ones are 401.

    One gateway hears of the new key long after user's pods do.
    """
    old, old_kid = _signed_in(shop, customer), _signing().kid
    tokens, statuses, lines = [old], Counter[int](), list[str]()

    def ask() -> None:
        who, role = random.choice((shop.anyone, office)), random.choice(list(ROLES))
        statuses[_with(who, random.choice(tokens), f"/{role}").status] += 1
        if role == KEYS:
            tokens.append(_signed_in(shop, customer))

    with loaded(2, ask):
        with ThreadPoolExecutor(1) as pool:
            with _deaf(lab, PUBLIC):
                before = _published(shop)
                rotating = pool.submit(rotate_keys.rotate, lab, lifetime_s=_A_DAY_S, say=lines.append)
                settled(lambda: _published(shop) > before, True, times=10, within_s=150)
                with pytest.raises(TimeoutError):  # it waits for the gateway
                    rotating.result(_ALONE_S)
                assert _signing().kid == old_kid
            rotating.result()
        cluster.wait_for("a token of the new key", lambda: _kid(tokens[-1]) != old_kid, within_s=30)
    print(*lines, dict(statuses), f"{len(tokens)} tokens", sep="\n")
    assert set(statuses) == {200}
    assert {_kid(token) for token in tokens} == {old_kid, _signing().kid}
    assert sum(statuses.values()) > 100

    rotate_keys.rotate(lab, lifetime_s=0, say=lines.append)
    for who in (shop.anyone, office):
        settled(lambda who=who: _refused_by(who, old), (401, "the gateway"))  # a gateway hears of it within a second
        for token in (tokens[-1], _signed_in(shop, customer)):
            assert _with(who, token, "/user/me").status == 200
    assert f"removed {old_kid}" in "\n".join(lines)


@pytest.mark.full
def test_two_rotations_at_once_follow_one_another(lab: Lab, shop: Shop) -> None:
    """Neither takes the other's new key for one that was left behind; what they retire goes with the test above."""
    before, active = _published(shop), _signing().kid
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(rotate_keys.rotate, lab, lifetime_s=_A_DAY_S, say=print) for _ in range(2)]
    for each in both:
        each.result()
    assert len(_published(shop) - before) == 2
    assert _signing().kid not in before
    assert active in _published(shop)


@contextmanager
def _deaf(lab: Lab, gateway: str) -> Iterator[None]:
    """What istiod says to a gateway is lost meanwhile, so that goes on with what it knows."""
    (pod,) = cluster.kubectl_json(lab, "-n", INGRESS, "get", "pods", f"--selector=app={gateway}")["items"]
    lost = ("-d", pod["status"]["podIP"], "-p", "tcp", "--sport", _ISTIOD, "-j", "DROP")
    table = ("iptables", "--wait", "-t", "raw")  # also on connections that are there already
    cluster.output(lab, *table, "-I", "PREROUTING", *lost)
    try:
        yield
    finally:
        cluster.output(lab, *table, "-D", "PREROUTING", *lost)


def _published(shop: Shop) -> set[str]:
    """Kids of the keys that one of user's pods tells."""
    return {jwk["kid"] for jwk in shop.anyone.get("/user/jwks").body["keys"]}


def _refused_by(who: Api, token: str) -> tuple[int, str]:
    """Status, and who gave it: nobody if the gateway closed the kept connection, as it does with old ones then."""
    try:
        answer = _with(who, token, "/user/me")
    except urllib3.exceptions.ProtocolError:
        return 0, "nobody"
    return answer.status, "a role" if "X-Service" in answer.headers else "the gateway"


def _signed_in(shop: Shop, email: str) -> str:
    answer = shop.anyone.post("/user/token", {"email": email, "password": PASSWORD})
    assert answer.status == 200, answer
    return str(answer.body["access"])


def _kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])
