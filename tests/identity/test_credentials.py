"""Service credentials: every pair of roles, and every way to fake one."""

import time
from itertools import product

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from shop.api import InternalView
from shop.identity import credentials, tokens
from shop.identity.models import Account
from shop.metrics import INTERNAL_REQUESTS
from shop.roles import OPERATOR, ROLES, Endpoint, Pair, endpoints, pairs

pytestmark = pytest.mark.urls(__name__)

PURPOSES = ("calls", "events", "keys", "operator")
CALLERS = (*ROLES, OPERATOR)

# What anybody may send, by callee and purpose.
ENDPOINTS = {
    (callee, purpose): sorted({one for caller in CALLERS for one in endpoints(caller, callee, purpose)})
    for callee, purpose in product(ROLES, PURPOSES)
}
AVAILABILITY = Endpoint("GET", "/inventory/internal/availability")  # which order may ask for


class Probe(InternalView):
    """Answers whoever gets in."""

    def get(self, request: Request) -> Response:
        return Response({"caller": str(request.user)})

    def post(self, request: Request) -> Response:
        return self.get(request)


def _path(endpoint: Endpoint) -> str:
    return endpoint.path.replace("*", "x")


urlpatterns = [
    path(_path(endpoint).removeprefix("/"), Probe.as_view(purpose=purpose))
    for (_, purpose), listed in ENDPOINTS.items()
    for endpoint in listed
]
handler404 = "shop.problems.not_found"


CLIENT = Client()


def _send(endpoint: Endpoint, credential: str | None) -> int:
    headers = {credentials.HEADER: credential} if credential is not None else {}
    return CLIENT.generic(endpoint.method, _path(endpoint), headers=headers).status_code


def test_exactly_what_the_table_lists_gets_in() -> None:
    """Each of 9 callers sends everything that anybody may send: its own is answered and counted, the rest refused."""
    listed = {(pair, one) for pair in pairs() for one in endpoints(pair.source, pair.target, pair.purpose)}
    let_in = set()
    for caller, ((callee, purpose), known) in product(CALLERS, ENDPOINTS.items()):
        for endpoint in known:
            before = _counted(caller, callee, purpose)
            status = _send(endpoint, credentials.mint(caller=caller, callee=callee))
            assert status in {200, 403}
            assert _counted(caller, callee, purpose) - before == (status == 200)
            if status == 200:
                let_in.add((Pair(caller, callee, purpose), endpoint))
    assert let_in == listed
    assert len(listed) > len(set(pairs()))


def _counted(caller: str, callee: str, purpose: str) -> float:
    """By this metric alone: the registry would collect all of them each time."""
    labels = {"caller": caller, "callee": callee, "purpose": purpose}
    samples = (sample for family in INTERNAL_REQUESTS.collect() for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name.endswith("_total") and sample.labels == labels)


def test_without_a_credential_there_is_nothing() -> None:
    """404, as for any path that does not exist."""
    assert {_send(one, None) for known in ENDPOINTS.values() for one in known} == {404}


def _forged(**changed: object) -> str:
    """A good credential of order for inventory, with something changed."""
    key = changed.pop("key", credentials._private_key("order"))
    typ = changed.pop("typ", credentials.TYPE)
    alg = changed.pop("alg", "EdDSA")
    now = int(time.time())
    claims = {"iss": "order", "aud": "inventory", "iat": now, "exp": now + 60} | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=str(alg), headers={"typ": typ})  # type: ignore[arg-type]


def test_a_good_credential_is_accepted() -> None:
    """The control of the refusals below."""
    assert _send(AVAILABILITY, _forged()) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "payment"},
        {"iss": "notification"},
        {"iss": "nobody"},
        {"iss": None},
        {"aud": None},
        {"exp": 1, "iat": 0},
        pytest.param({"exp": int(time.time()) + 3600}, id="too long"),
        pytest.param({"iat": int(time.time()) + 3600, "exp": int(time.time()) + 3660}, id="of the future"),
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"typ": "JWT"},
        {"typ": "at+jwt"},
        pytest.param({"key": Ed25519PrivateKey.generate()}, id="another key"),
        {"key": "guessed" * 8, "alg": "HS256"},
        {"key": "", "alg": "none"},
    ],
    ids=str,
)
def test_a_forged_credential_is_refused(changed: dict[str, object]) -> None:
    """401: for another callee, in another's name, too long-lived, of another type, signed by someone else."""
    assert _send(AVAILABILITY, _forged(**changed)) == 401


@pytest.mark.parametrize("garbage", ["", ".", "..", "a.b.c", "é", "x" * 5000])
def test_garbage_is_refused(garbage: str) -> None:
    """401, never 500."""
    assert _send(AVAILABILITY, garbage) == 401


def test_a_user_token_is_no_credential() -> None:
    """Neither takes the place of the other."""
    assert _send(Endpoint("GET", "/user/internal/accounts/*/contact"), tokens.mint(Account())) == 401
    with pytest.raises(tokens.InvalidToken):
        tokens.verify(credentials.mint(caller="order", callee="user"))


def test_the_end_user_is_believed_with_the_credential() -> None:
    """It names whom the caller acts for."""
    token = credentials.mint(caller="order", callee="inventory", end_user="someone")
    assert credentials.verify(token, callee="inventory") == credentials.Credential("order", "someone")
