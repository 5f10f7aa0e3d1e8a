"""The mesh as installed: sidecars, identities, what is refused, what comes in."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.lab import cluster
from deploy.lab.istio import INGRESS
from deploy.lab.lab import ROOT, Lab, LabError
from deploy.lab.relay import forwarded
from tests.cluster.toys import MESH, OUTSIDE, Toys
from tests.cluster.waiting import settled

ANSWERER = f"http://answerer.{MESH}:8000/"
NAME = "toys.test"  # of the toys at the gateways: every other name is the shop's
GATEWAYS = {"istio-ingressgateway": "ingressgateway", "istio-internalgateway": "internalgateway"}


def test_toys_have_native_sidecars(toys: Toys) -> None:
    """The proxy is an init container that keeps running: it is up before the application and down after it."""
    (pod,) = toys.pods(MESH, "answerer")
    proxies = [part for part in pod["spec"]["initContainers"] if part["name"] == "istio-proxy"]
    assert [proxy["restartPolicy"] for proxy in proxies] == ["Always"]


def test_pods_outside_the_mesh_have_none(toys: Toys) -> None:
    (pod,) = toys.pods(OUTSIDE, "plain")
    assert [part["name"] for part in pod["spec"]["containers"]] == ["toy"]


def test_a_caller_is_known_by_its_service_account(toys: Toys) -> None:
    answer = toys.call(f"{MESH}/caller", ANSWERER)
    assert answer["status"] == 200
    presented = json.loads(answer["body"])["headers"]["x-forwarded-client-cert"]
    assert f"URI=spiffe://cluster.local/ns/{MESH}/sa/caller" in presented


def test_plaintext_to_a_sidecar_is_refused(toys: Toys) -> None:
    """STRICT: through the Service and straight to the pod, from a pod without a sidecar."""
    pod = f"http://{toys.pod_address(MESH, 'answerer')}:8000/"
    settled(lambda: toys.call(f"{OUTSIDE}/stranger", ANSWERER)["status"], 0)
    settled(lambda: toys.call(f"{OUTSIDE}/stranger", pod)["status"], 0)


def test_plaintext_works_where_there_is_no_mesh(toys: Toys) -> None:
    """The control of the test above: the stranger can call, and is refused for what it lacks."""
    assert toys.call(f"{OUTSIDE}/stranger", f"http://plain.{OUTSIDE}:8000/")["status"] == 200


def test_authorisation_goes_by_identity(lab: Lab, toys: Toys) -> None:
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "answerer", "namespace": MESH},
        "spec": {
            "selector": {"matchLabels": {"app": "answerer"}},
            "rules": [{"from": [{"source": {"principals": [f"cluster.local/ns/{MESH}/sa/caller"]}}]}],
        },
    }
    cluster.apply(lab, policy)
    try:
        settled(lambda: toys.call(f"{MESH}/other", ANSWERER)["status"], 403)
        assert toys.call(f"{MESH}/caller", ANSWERER)["status"] == 200
    finally:
        cluster.kubectl(lab, "-n", MESH, "delete", "authorizationpolicy", "answerer")
    settled(lambda: toys.call(f"{MESH}/other", ANSWERER)["status"], 200)


def test_egress_to_what_is_not_declared_is_closed(toys: Toys) -> None:
    """A pod's bare address is nobody's name in the mesh; outside of the mesh the same call is answered."""
    undeclared = f"http://{toys.pod_address(OUTSIDE, 'plain')}:8000/"
    assert toys.call(f"{OUTSIDE}/stranger", undeclared)["status"] == 200
    assert toys.call(f"{MESH}/caller", undeclared)["status"] in (0, 502)


BAD_WEIGHT = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "bad", "namespace": MESH},
    "spec": {"hosts": ["bad"], "http": [{"route": [{"destination": {"host": "answerer"}, "weight": -5}]}]},
}


def test_a_bad_route_is_refused_by_istio(lab: Lab, toys: Toys) -> None:
    with pytest.raises(LabError, match="weight -5"):
        cluster.apply(lab, BAD_WEIGHT)


def test_istioctl_finds_nothing_wrong_and_would_say_so(lab: Lab, toys: Toys) -> None:
    """Its exit status is its answer: with a route of a gateway that is not there, it is another."""
    analyse = ("analyze", "--namespace", MESH, "--failure-threshold=Info")
    cluster.istioctl(lab, *analyse)
    _, route = _route("ingressgateway")
    cluster.apply(lab, route)
    try:
        with pytest.raises(LabError, match="Analyzers found issues"):
            cluster.istioctl(lab, *analyse)
    finally:
        cluster.kubectl(lab, "-n", MESH, "delete", "virtualservice", "toys")


def test_no_proxy_rejected_its_configuration(lab: Lab, toys: Toys) -> None:
    text = cluster.kubectl(lab, "get", "--raw", f"{_ISTIOD}/metrics")
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    pushes = [value for name, value in samples.items() if name.startswith("pilot_xds_pushes")]
    rejects = {name: value for name, value in samples.items() if "reject" in name and float(value)}
    assert pushes
    assert rejects == {}


_ISTIOD = "/api/v1/namespaces/istio-system/services/istiod:15014/proxy"


@pytest.fixture(params=GATEWAYS)
def route(request: pytest.FixtureRequest, lab: Lab, toys: Toys) -> Iterator[str]:
    """A gateway that leads everything to the answerer, by name."""
    name = str(request.param)
    parts = list(_route(GATEWAYS[name]))
    cluster.apply(lab, *parts)
    yield name
    for part in parts:
        cluster.kubectl(lab, "-n", MESH, "delete", part["kind"], part["metadata"]["name"])


def _route(gateway: str) -> Iterator[dict[str, Any]]:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [NAME]}
    yield {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "toys", "namespace": MESH},
        "spec": {"selector": {"istio": gateway}, "servers": [server]},
    }
    yield {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "toys", "namespace": MESH},
        "spec": {
            "hosts": [NAME],
            "gateways": ["toys"],
            "http": [{"route": [{"destination": {"host": "answerer", "port": {"number": 8000}}}]}],
        },
    }


def _get(address: tuple[str, int], path: str = "/") -> tuple[int, str]:
    """Status and body; status 0 if there was no answer. A connection of its own."""
    connection = HTTPConnection(*address, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": NAME})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as exc:
        return 0, repr(exc)
    finally:
        connection.close()


def test_a_gateway_is_reached_from_this_machine(lab: Lab, route: str) -> None:
    """Through its Service's port 80, over mTLS to a STRICT pod; as many connections at once as a load test opens."""
    with forwarded(lab, f"{INGRESS}/{route}", 80) as address:
        settled(lambda: _get(address)[0], 200)
        with ThreadPoolExecutor(100) as pool:
            statuses = list(pool.map(lambda _: _get(address)[0], range(400)))
    assert statuses == [200] * 400


def test_the_addresses_are_shown_until_interrupted(lab: Lab) -> None:
    """One line per address, each of which leads to the ingress; an interrupt ends all of it quietly."""
    command = [sys.executable, "-m", "deploy.lab", "see"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as seeing:
        try:
            assert seeing.stdout
            lines = list(takewhile(lambda line: not line.startswith("Interrupt"), seeing.stdout))
            addresses = [urlsplit(line.split()[-1]) for line in lines]
            (clear,) = [address.port or 0 for address in addresses if address.scheme == "http"]
            assert _get(("127.0.0.1", clear))[0] != 0
            seeing.send_signal(signal.SIGINT)
            _, errors = seeing.communicate(timeout=20)
        finally:
            seeing.kill()
    assert (seeing.returncode, errors) == (0, "")
    assert [_get(("127.0.0.1", address.port or 0))[0] for address in addresses] == [0] * 3


@pytest.mark.parametrize("sent", ["/a%2Fb", "/a//b", "/a/./b", "/a/x%2F..%2Fb"])
def test_paths_are_normalised_before_policies_see_them(lab: Lab, route: str, sent: str) -> None:
    with forwarded(lab, f"{INGRESS}/{route}", 80) as address:
        settled(lambda: _get(address)[0], 200)
        assert json.loads(_get(address, sent)[1])["path"] == "/a/b"
