"""Toy services in namespaces of their own, inside the mesh and outside of it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from deploy.lab import cluster, rootfs
from deploy.lab.lab import Lab
from deploy.lab.oci import Layout

IMAGE = "lab.local/toy:1"
MESH, OUTSIDE = "toys", "toys-outside"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
Object = dict[str, Any]
_TOY = Path(__file__).with_name("toy.py")


class Toys:
    """What the tests ask of the toys that run."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def call(self, caller: str, url: str) -> Object:
        """``status`` and ``body`` of what the Deployment ``namespace/name`` gets when it GETs the URL."""
        namespace, _, name = caller.partition("/")
        inner = "http://127.0.0.1:8000/call?" + urlencode({"url": url})
        command = f"import urllib.request as u; print(u.urlopen({inner!r}).read().decode())"
        answer: Object = json.loads(
            cluster.kubectl(
                self._lab, "-n", namespace, "exec", f"deployment/{name}", "-c", "toy", "--", "python3", "-c", command
            )
        )
        return answer

    def pods(self, namespace: str, name: str) -> list[Object]:
        found = cluster.kubectl_json(self._lab, "-n", namespace, "get", "pods", "-l", f"app={name}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod_address(self, namespace: str, name: str) -> str:
        address: str = self.pods(namespace, name)[0]["status"]["podIP"]
        return address


def start(lab: Lab) -> Toys:
    """Bring the image and the services up and wait for them."""
    bring_image(lab)
    cluster.apply(lab, *_namespaces())
    cluster.apply(lab, *_services())
    for namespace, names in _NAMES.items():
        cluster.wait_rolled_out(lab, namespace, *(f"deployment/{name}" for name in names))
    return Toys(lab)


def bring_image(lab: Lab) -> None:
    """Pack the toy and give it to the node. Raises LabError."""
    with TemporaryDirectory() as folder:
        tar = Path(folder) / "toy.tar"
        _pack(tar)
        cluster.import_image(lab, tar, IMAGE)


def digest() -> str:
    """Of the toy: pods that carry it are replaced when it changes."""
    return hashlib.sha256(_TOY.read_bytes()).hexdigest()[:12]


def remove(lab: Lab) -> None:
    """Their namespaces, with all that is in them."""
    cluster.kubectl(lab, "delete", "namespace", MESH, OUTSIDE, "--ignore-not-found", "--wait=true")


_NAMES = {MESH: ("caller", "answerer", "other"), OUTSIDE: ("stranger", "friend", "plain")}


def _pack(tar: Path) -> None:
    with Layout(tar) as layout:
        layers = [layout.archive(rootfs.tar()), layout.layer({"toy/toy.py": _TOY})]
        entrypoint = ["python3", "-u", "/toy/toy.py"]
        layout.image("toy", layers, {"Env": ["PATH=/usr/bin:/bin"], "User": "10001:10001", "Entrypoint": entrypoint})


def _namespaces() -> Iterator[Object]:
    for name, labels in ((MESH, {"istio-injection": "enabled"}), (OUTSIDE, {})):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**_RESTRICTED, **labels}}}


def _services() -> Iterator[Object]:
    for namespace, names in _NAMES.items():
        for name in names:
            yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
            yield _service(namespace, name)
            yield _deployment(namespace, name)
    yield {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": MESH},
        "spec": {"mtls": {"mode": "STRICT"}},
    }


def _service(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8000}]},
    }


def _deployment(namespace: str, name: str) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(name)},
        },
    }


def pod_spec(service_account: str, *, cpu: str = "20m", management: bool = False) -> Object:
    """A pod that Pod Security ``restricted`` admits. ``management``: its kubelet asks the port outside the mesh."""
    environment = {"POD_NAME": "metadata.name", "POD_VERSION": "metadata.labels['version']"}
    return {
        "serviceAccountName": service_account,
        "terminationGracePeriodSeconds": 2,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "toy",
                "image": IMAGE,
                "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 8000}],
                "env": [{"name": n, "valueFrom": {"fieldRef": {"fieldPath": path}}} for n, path in environment.items()],
                **_probe(management),
                "resources": {"requests": {"cpu": cpu, "memory": "24Mi"}, "limits": {"memory": "128Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }


def _probe(management: bool) -> Object:
    """A toy that is directed stays ready however busy it is."""
    if management:
        return {
            "startupProbe": {"httpGet": {"path": "/ready", "port": 8001}, "periodSeconds": 1, "failureThreshold": 60}
        }
    return {"readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}, "periodSeconds": 1}}
