"""What one does with a running lab: kubectl, images, addresses."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.lab import processes
from deploy.lab.components import CONTAINERD_SOCKET
from deploy.lab.lab import Lab, LabError, NodeEnded

_POLL_S = 0.2


def in_network(lab: Lab, *command: str) -> list[str]:
    """The command line that runs ``command`` in the lab's network, with this machine's files. Raises LabError."""
    return ["nsenter", f"--net=/proc/{processes.running(lab)}/ns/net", "--", *command]


def kubectl(lab: Lab, *arguments: str, input: str | None = None) -> str:
    """Run kubectl as administrator and return what it prints. Raises LabError with its own words."""
    return _output(in_network(lab, str(lab.binaries / "kubectl"), *arguments), lab, input)


def kubectl_json(lab: Lab, *arguments: str) -> dict[str, Any]:
    """What ``kubectl … --output=json`` says."""
    answer: dict[str, Any] = json.loads(kubectl(lab, *arguments, "--output=json"))
    return answer


def output(lab: Lab, *command: str) -> str:
    """What any other command prints that runs in the lab's network. Raises LabError with its last words."""
    return _output(in_network(lab, *command), lab, None)


def istioctl(lab: Lab, *arguments: str) -> str:
    """The same for istioctl."""
    return _output(in_network(lab, str(lab.binaries / "istioctl"), *arguments), lab, None)


def apply(lab: Lab, *objects: dict[str, Any] | Path) -> None:
    """Server-side apply of objects, and of files with objects. Raises LabError."""
    files = [part for part in objects if isinstance(part, Path)]
    items = [part for part in objects if not isinstance(part, Path)]
    for file in files:
        kubectl(lab, *_APPLY, str(file))
    if items:
        kubectl(lab, *_APPLY, "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def apply_folder(lab: Lab, folder: Path) -> None:
    """The same for what a Kustomize folder comes to. Raises LabError."""
    kubectl(lab, *_APPLY[:-1], "--kustomize", str(folder))


# Webhooks and controllers write into what was applied before: the next apply takes it back.
_APPLY = ("apply", "--server-side", "--force-conflicts", "--filename")


def wait_rolled_out(lab: Lab, namespace: str, *workloads: str, within_s: int = 180) -> None:
    """Wait for workloads such as ``deployment/web``. Raises LabError."""
    for workload in workloads:
        kubectl(lab, "--namespace", namespace, "rollout", "status", workload, f"--timeout={within_s}s")


def wait_for(what: str, is_so: Callable[[], bool], *, within_s: float) -> None:
    """Ask until it is so; a refused question counts as not yet. Raises LabError; NodeEnded at once."""
    deadline, reason = time.monotonic() + within_s, ""
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except NodeEnded:
            raise
        except LabError as exc:
            reason = f": {exc}"
        time.sleep(_POLL_S)
    raise LabError(f"Not after {within_s:.0f} s: {what}{reason}")


def import_image(lab: Lab, tar: Path, name: str) -> None:
    """Give containerd the one image of an OCI archive, such as buildah's ``oci-archive:``, as ``name``.

    Pods refer to it by the same name with ``imagePullPolicy: IfNotPresent``. Raises LabError.
    """
    ctr(lab, "images", "import", f"--index-name={full_name(name)}", str(tar))


def import_images(lab: Lab, tar: Path) -> None:
    """Give containerd every image of a layout, under the names that the layout has for them. Raises LabError."""
    ctr(lab, "images", "import", str(tar))


def full_name(image: str) -> str:
    """As the kubelet writes it: with registry and tag."""
    first, _, rest = image.partition("/")
    has_registry = bool(rest) and ("." in first or ":" in first or first == "localhost")
    path = image if has_registry else f"docker.io/{image if rest else f'library/{image}'}"
    return path if ":" in path.rsplit("/", 1)[-1] else f"{path}:latest"


def ctr(lab: Lab, *arguments: str) -> str:
    """containerd's own client, on Kubernetes' images and containers."""
    socket = f"/proc/{processes.running(lab)}/root{CONTAINERD_SOCKET}"
    return _output(["ctr", "--address", socket, "--namespace", "k8s.io", *arguments], lab, None)


def service_address(lab: Lab, service: str, port: int) -> tuple[str, int]:
    """Where ``namespace/name`` listens inside the lab's network. Raises LabError."""
    namespace, _, name = service.rpartition("/")
    found = kubectl_json(lab, "--namespace", namespace or "default", "get", "service", name)["spec"]
    if port not in {listed["port"] for listed in found["ports"]}:
        raise LabError(f"Service {service} has no port {port}.")
    return found["clusterIP"], port


def _output(command: list[str], lab: Lab, text: str | None) -> str:
    done = subprocess.run(command, env=lab.environment(), input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("Warning:")]
        raise LabError(" | ".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}")
    return done.stdout
