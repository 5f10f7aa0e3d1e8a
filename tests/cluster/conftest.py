"""The cluster that runs in this checkout's folder (or SHOP_LAB), the shop and toys in it."""

import os
import signal
from collections.abc import Iterator

import pytest

from deploy.lab import processes
from deploy.lab.istio import INGRESS, INTERNAL, PUBLIC
from deploy.lab.lab import Lab, LabError
from deploy.lab.relay import forwarded
from tests.cluster import toys as services
from tests.cluster.shop import variables
from tests.cluster.toys import Toys
from tests.shop_api.client import Api, Shop


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
        token = anyone.post("/user/token", sign_in)
        assert token.status == 200, token
        yield Shop(anyone=anyone, staff=anyone.and_headers(Authorization=f"Bearer {token.body['access']}"))


@pytest.fixture(scope="session")
def office(lab: Lab, shop: Shop) -> Iterator[Api]:
    """The internal gateway, where admin and API documents are, at an address of this machine."""
    with forwarded(lab, f"{INGRESS}/{INTERNAL}", 443) as (host, port):
        yield Api(f"https://{host}:{port}")
