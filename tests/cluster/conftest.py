"""The cluster that runs in this checkout's folder (or SHOP_LAB), the shop and toys in it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest

from deploy.lab import processes
from deploy.lab.istio import INGRESS, INTERNAL, PUBLIC
from deploy.lab.lab import Lab, LabError
from deploy.lab.relay import forwarded
from shop.identity import issuing
from tests.cluster import toys as services
from tests.cluster.customers import answered
from tests.cluster.shop import variables
from tests.cluster.toys import Toys
from tests.shop_api.client import Answer, Api, Shop


class SignedIn(Mapping[str, str]):
    """The headers of somebody who signs in again when a token is half its life old."""

    def __init__(self, sign_in: Callable[[], Answer]) -> None:
        self._sign_in = sign_in
        self._lock = threading.Lock()
        self._headers: dict[str, str] = {}
        self._until = 0.0

    def __getitem__(self, name: str) -> str:
        with self._lock:
            if time.monotonic() > self._until:
                self._renew()
            return self._headers[name]

    def _renew(self) -> None:
        token = answered(self._sign_in)
        assert token.status == 200, token
        self._headers["Authorization"] = f"Bearer {token.body['access']}"
        self._until = time.monotonic() + issuing.LIFETIME_S / 2

    def __iter__(self) -> Iterator[str]:
        return iter(("Authorization",))

    def __len__(self) -> int:
        return 1


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Its commands can be interrupted, also where the tests are a shell's background job, which ignores interrupts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lab = Lab.chosen()
    try:
        processes.running(lab)
    except LabError as exc:
        pytest.exit(str(exc), returncode=1)
    return lab


@pytest.fixture(scope="session")
def toys(lab: Lab) -> Iterator[Toys]:
    services.remove(lab)  # of a run that was killed
    yield services.start(lab)
    services.remove(lab)


@pytest.fixture(scope="session")
def shop(lab: Lab) -> Iterator[Shop]:
    """The shop at an address of this machine, by TLS, and staff signed in."""
    known = variables(lab)
    os.environ["SSL_CERT_FILE"] = known["SSL_CERT_FILE"]
    with forwarded(lab, f"{INGRESS}/{PUBLIC}", 443) as (host, port):
        anyone = Api(f"https://{host}:{port}")
        sign_in = {"email": known["SHOP_STAFF_EMAIL"], "password": known["SHOP_STAFF_PASSWORD"]}
        yield Shop(anyone=anyone, staff=Api(anyone.base_url, SignedIn(partial(anyone.post, "/user/token", sign_in))))


@pytest.fixture(scope="session")
def office(lab: Lab, shop: Shop) -> Iterator[Api]:
    """The internal gateway, where admin and API documents are, at an address of this machine."""
    with forwarded(lab, f"{INGRESS}/{INTERNAL}", 443) as (host, port):
        yield Api(f"https://{host}:{port}")
