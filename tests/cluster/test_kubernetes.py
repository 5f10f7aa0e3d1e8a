"""What the shop's manifests rely on: admission, network policies, volumes, measurements."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from typing import Any

import pytest

from deploy.lab import cluster
from deploy.lab.lab import Lab, LabError
from tests.cluster.toys import MESH, OUTSIDE, Toys, pod_spec
from tests.cluster.waiting import settled

PLAIN = f"http://plain.{OUTSIDE}:8000/"


def _pod(**changes: Any) -> dict[str, Any]:
    spec = deepcopy(pod_spec("caller")) | changes
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": MESH}, "spec": spec}


def _admit(lab: Lab, pod: dict[str, Any]) -> None:
    """Ask the API server, all its admission included, without making anything."""
    cluster.kubectl(lab, "apply", "--server-side", "--dry-run=server", "-f", "-", input=json.dumps(pod))


def test_a_restricted_pod_is_admitted_with_its_sidecar(lab: Lab, toys: Toys) -> None:
    _admit(lab, _pod())


@pytest.mark.parametrize(
    "changes",
    [{"hostNetwork": True}, {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 0}}],
    ids=["host network", "root"],
)
def test_what_restricted_forbids_is_refused(lab: Lab, toys: Toys, changes: dict[str, Any]) -> None:
    with pytest.raises(LabError, match='violates PodSecurity "restricted:latest"'):
        _admit(lab, _pod(**changes))


@pytest.fixture
def only_friends(lab: Lab, toys: Toys) -> Iterator[None]:
    """Pods of ``plain`` hear ``friend`` alone."""
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "only-friends", "namespace": OUTSIDE},
        "spec": {
            "podSelector": {"matchLabels": {"app": "plain"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
        },
    }
    assert toys.call(f"{OUTSIDE}/stranger", PLAIN)["status"] == 200
    cluster.apply(lab, policy)
    yield
    cluster.kubectl(lab, "-n", OUTSIDE, "delete", "networkpolicy", "only-friends")


def test_a_network_policy_closes_what_it_does_not_open(toys: Toys, only_friends: None) -> None:
    """By the Service and by the pod's address; the friend still comes through."""
    pod = f"http://{toys.pod_address(OUTSIDE, 'plain')}:8000/"
    settled(lambda: toys.call(f"{OUTSIDE}/stranger", PLAIN)["status"], 0, times=2, within_s=60)
    assert toys.call(f"{OUTSIDE}/stranger", pod)["status"] == 0
    assert toys.call(f"{OUTSIDE}/friend", PLAIN)["status"] == 200


def test_a_claim_is_bound_and_can_be_written_to(lab: Lab, toys: Toys) -> None:
    """By an ordinary user, on the default class, as the shop's pods do."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "tried", "namespace": OUTSIDE},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    spec = pod_spec("plain")
    spec["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "tried"}}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": OUTSIDE}, "spec": spec}
    with ExitStack() as stack:
        for kind in ("persistentvolumeclaim", "pod"):
            stack.callback(cluster.kubectl, lab, "-n", OUTSIDE, "delete", kind, "tried", "--ignore-not-found")
        cluster.apply(lab, claim, pod)
        cluster.kubectl(lab, "-n", OUTSIDE, "wait", "pod/tried", "--for=condition=Ready", "--timeout=60s")
        cluster.kubectl(lab, "-n", OUTSIDE, "exec", "tried", "--", "sh", "-c", "echo kept > /data/file")
        assert cluster.kubectl(lab, "-n", OUTSIDE, "exec", "tried", "--", "cat", "/data/file") == "kept\n"


def test_pods_are_measured(lab: Lab, toys: Toys) -> None:
    def names() -> bool:
        return f"{toys.pods(MESH, 'other')[0]['metadata']['name']} " in cluster.kubectl(lab, "-n", MESH, "top", "pods")

    cluster.wait_for("metrics of the pod", names, within_s=90)
