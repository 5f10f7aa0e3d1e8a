"""Certificates change while requests are answered: the sidecars', which last half a minute here, and the gateways'."""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import partial

from deploy.lab import cluster
from deploy.lab.lab import Lab
from tests.cluster.customers import loaded
from tests.mesh import cast
from tests.mesh.cast import LIFETIME_S, PORT
from tests.mesh.objects import STAGE, Object
from tests.mesh.stage import OFFICE, OUTSIDE, PROBE, Pod, Stage

# Each request is a handshake of its own: a connection goes on with the certificates that it began with.
_NOTHING_KEPT: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": PROBE, "namespace": STAGE},
    "spec": {"host": PROBE, "trafficPolicy": {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}}},
}


def test_sidecars_change_their_certificates_and_no_request_fails(stage: Stage) -> None:
    """From before the change until the old ones have expired, on client and servers: all of them are the probes."""
    client = stage.probes()[0]
    before = {pod.name: _certificates(stage, pod) for pod in stage.probes()}
    expired = max(end for ends in before.values() for end in ends.values())
    statuses: Counter[int] = Counter()

    def ask() -> None:
        answers = stage.send(client, {"url": f"http://{PROBE}:{PORT}/x"}, n=20)
        statuses.update(answer.status for answer in answers)

    def all_changed() -> bool:
        return not any(before[pod.name].keys() & _certificates(stage, pod).keys() for pod in stage.probes())

    stage.apply(_NOTHING_KEPT)
    try:
        with loaded(2, ask):
            cluster.wait_for("new certificates", all_changed, within_s=LIFETIME_S)
            cluster.wait_for("the old ones' end", lambda: datetime.now(UTC) > expired, within_s=LIFETIME_S)
            done = sum(statuses.values())
            cluster.wait_for("requests since then", lambda: sum(statuses.values()) > done + 100, within_s=30)
    finally:
        stage.remove(_NOTHING_KEPT)
    print(f"{len(before)} sidecars changed their certificates, customers saw {dict(statuses)}")
    assert set(statuses) == {200}


def _certificates(stage: Stage, pod: Pod) -> dict[str, datetime]:
    """Serial numbers of what the sidecar presents as its own, and when each expires."""
    told = json.loads(stage.envoy(pod, "/certs"))["certificates"]
    chains = [each["cert_chain"][0] for each in told if each.get("cert_chain")]
    return {one["serial_number"]: datetime.fromisoformat(one["expiration_time"]) for one in chains}


def test_the_gateways_change_their_certificate_and_no_request_fails(lab: Lab, stage: Stage) -> None:
    """Every request is a connection of its own."""
    before = {gateway: _presented(stage, gateway) for gateway in (OUTSIDE, OFFICE)}
    statuses: Counter[int] = Counter()

    def ask() -> None:
        statuses.update(stage.ask("/user/x", gateway=gateway).status for gateway in (OUTSIDE, OFFICE))

    with loaded(2, ask):
        cluster.apply(lab, cast.certificate(stage.authority))
        for gateway, old in before.items():
            changed = partial(_differs, stage, gateway, old)
            cluster.wait_for(f"another certificate at {gateway}", changed, within_s=60)
        done = sum(statuses.values())
        cluster.wait_for("requests since then", lambda: sum(statuses.values()) > done + 50, within_s=30)
    print(f"both gateways changed their certificate, customers saw {dict(statuses)}")
    assert set(statuses) == {200}


def _differs(stage: Stage, gateway: str, old: bytes) -> bool:
    return _presented(stage, gateway) != old


def _presented(stage: Stage, gateway: str) -> bytes:
    """The certificate as the client gets it; it is trusted."""
    with stage.secured(gateway) as connection:
        presented = connection.getpeercert(binary_form=True)
    assert presented
    return presented
