"""Eight services in the lab that runs here: through the ingress, from its own network.

They are measured as they are, with one pod of each role, and order and shipping with the settings of the
measurement; both are taken back at the end.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import mean
from typing import Any

from deploy.lab import cluster, processes, status
from deploy.lab.lab import Lab
from deploy.local import SHOP
from tools.bench.load import Target

_MANAGEMENT_PORT = 8001
_TIMED = "app in (order-service, order-worker, shipping-service, shipping-worker)"  # who reads the settings
_ROLLED_OUT_S = 300


@contextmanager
def running(lab: Lab, **settings: str) -> Iterator[Target]:
    """The shop in ``lab``, for a process in its network. Raises LabError."""
    with _one_pod_each(lab), _settings(lab, settings):
        (pod, *_) = _pods(lab, "app=product-service,version=v1")
        yield Target(
            kind="lab",
            known=dict(os.environ),
            bare_url=f"http://{pod['status']['podIP']}:{_MANAGEMENT_PORT}/health",
            pid=processes.running(lab),
            statements=None,
        )


@contextmanager
def _one_pod_each(lab: Lab) -> Iterator[None]:
    """Whatever the load: pods that start would be measured too."""
    most = {
        each["metadata"]["name"]: each["spec"]["maxReplicas"]
        for each in cluster.kubectl_json(lab, "-n", SHOP, "get", "hpa")["items"]
    }
    try:
        for name in most:
            _limit(lab, name, 1)
        yield
    finally:
        for name, pods in most.items():
            _limit(lab, name, pods)


def _limit(lab: Lab, scaler: str, pods: int) -> None:
    patch = f'{{"spec": {{"maxReplicas": {pods}}}}}'
    cluster.kubectl(lab, "-n", SHOP, "patch", "hpa", scaler, "--type=merge", f"--patch={patch}")


@contextmanager
def _settings(lab: Lab, settings: Mapping[str, str]) -> Iterator[None]:
    """In the containers themselves, where they come before those of the overlay."""
    try:
        _roll_over(lab, [f"{name}={value}" for name, value in settings.items()])
        yield
    finally:
        _roll_over(lab, [f"{name}-" for name in settings])


def _roll_over(lab: Lab, changes: list[str]) -> None:
    cluster.kubectl(lab, "-n", SHOP, "set", "env", "deployment", "--selector", _TIMED, "--containers=app", *changes)
    timed = cluster.kubectl(lab, "-n", SHOP, "get", "deployment", "--selector", _TIMED, "--output=name").split()
    cluster.wait_rolled_out(lab, SHOP, *timed, within_s=_ROLLED_OUT_S)


def memory(lab: Lab) -> Iterator[str]:
    """A table of what a pod of each role takes: its application and its sidecar, in MB (PSS). Raises LabError."""
    taken = status.memory_of_containers(lab)
    pods: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for pod in _pods(lab, "app.kubernetes.io/component in (web, worker)"):
        labels = pod["metadata"]["labels"]
        of_pod = {name: taken.get(container, 0) / 1024 for name, container in _containers(pod)}
        pods[labels["role"], labels["app.kubernetes.io/component"]].append((of_pod["app"], of_pod["istio-proxy"]))
    yield f"{'memory of a pod, MB (PSS)':30}{'application':>12}{'sidecar':>9}"
    for (role, component), found in sorted(pods.items()):
        applications, sidecars = zip(*found, strict=True)
        yield f"{f'{role} {component}':30}{mean(applications):12.0f}{mean(sidecars):9.0f}"


def _containers(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and containerd's id of each that runs; sidecars are init containers."""
    for found in (*pod["status"]["containerStatuses"], *pod["status"]["initContainerStatuses"]):
        if "running" in found["state"]:
            yield found["name"], found["containerID"].removeprefix("containerd://")


def _pods(lab: Lab, selector: str) -> list[dict[str, Any]]:
    """Those that stay."""
    found = cluster.kubectl_json(lab, "-n", SHOP, "get", "pods", "--selector", selector)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
