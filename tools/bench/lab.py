"""Eight services in the lab that runs here: through the ingress, from its own network.

They are measured as they are, with one pod of each role, and order and shipping with the settings of the
measurement; both are taken back at the end. This process stays in the lab's network: the lab comes last.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import mean
from typing import Any

from deploy.install import short_limits
from deploy.lab import cluster, processes, status
from deploy.lab.lab import Lab, LabError
from deploy.lab.relay import enter_network
from deploy.local import SHOP
from tests.cluster.shop import in_worker, pods, variables
from tools.bench.load import Target

_MANAGEMENT_PORT = 8001
_TIMED = "app in (order-service, order-worker, shipping-service, shipping-worker)"  # who reads the settings
_ROLLED_OUT_S = 300
_UNTIL_DRAWN = """
import sys, time
from apps.product.models import Image
end = time.monotonic() + 900
while Image.objects.filter(state="waiting").exists():
    time.sleep(1)
    if time.monotonic() > end:
        sys.exit("the demo's pictures are not drawn after 900 s")
"""


def require(lab: Lab) -> None:
    """Raises LabError where none runs, or its shop has the suite's short limits: eight orders at once would be late."""
    processes.running(lab)
    if short_limits(lab):
        raise LabError("The shop in it has the suite's short limits; for those of every day: make cluster")


@contextmanager
def running(lab: Lab, **settings: str) -> Iterator[Target]:
    """The shop in ``lab``, which has drawn its pictures. Raises LabError."""
    _until_drawn(lab)
    known, init = variables(lab), processes.running(lab)
    os.environ["SSL_CERT_FILE"] = known["SSL_CERT_FILE"]
    enter_network(init)
    with _one_pod_each(lab), _settings(lab, settings):
        (pod, *_) = pods(lab, "app=product-service,version=v1")
        yield Target(
            kind="lab",
            known=known,
            bare_url=f"http://{pod['status']['podIP']}:{_MANAGEMENT_PORT}/health",
            pid=init,
            statements=None,
        )


def _until_drawn(lab: Lab) -> None:
    shell = ("python3.11", "-m", "shop.entry", "manage", "shell")
    cluster.kubectl(lab, *in_worker("product"), *shell, "--command", _UNTIL_DRAWN)


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
        for name, before in most.items():
            _limit(lab, name, before)


def _limit(lab: Lab, scaler: str, at_most: int) -> None:
    patch = f'{{"spec": {{"maxReplicas": {at_most}}}}}'
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
    measured: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for pod in pods(lab, "app.kubernetes.io/component in (web, worker)"):
        labels = pod["metadata"]["labels"]
        of_pod = {name: taken.get(container, 0) / 1024 for name, container in _containers(pod)}
        measured[labels["role"], labels["app.kubernetes.io/component"]].append((of_pod["app"], of_pod["istio-proxy"]))
    yield f"{'memory of a pod, MB (PSS)':30}{'application':>12}{'sidecar':>9}"
    for (role, component), found in sorted(measured.items()):
        applications, sidecars = zip(*found, strict=True)
        yield f"{f'{role} {component}':30}{mean(applications):12.0f}{mean(sidecars):9.0f}"


def _containers(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and containerd's id of each that runs; sidecars are init containers."""
    for found in (*pod["status"]["containerStatuses"], *pod["status"]["initContainerStatuses"]):
        if "running" in found["state"]:
            yield found["name"], found["containerID"].removeprefix("containerd://")
