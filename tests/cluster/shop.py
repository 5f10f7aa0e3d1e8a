"""The shop in the cluster, as the black-box suite knows it: the suite runs in the lab's network."""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from deploy import local
from deploy.lab import cluster
from deploy.lab.istio import GATEWAYS, INGRESS
from deploy.lab.lab import ROOT, Lab

_MANAGEMENT_PORT = 8001
_REQUESTS = "django_http_requests_total_by_view_transport_method_total{"


def run(lab: Lab, command: Sequence[str]) -> int:
    """Exit status of ``command``, told by environment variables where the shop is. Raises LabError."""
    environment = {**lab.environment(), **variables(lab)}
    return subprocess.call(cluster.in_network(lab, *command), cwd=ROOT, env=environment)


def variables(lab: Lab) -> dict[str, str]:
    """As those of the other topologies, and what trusts the ingress' certificate."""
    ingress, office = (cluster.service_address(lab, f"{INGRESS}/{name}", 443)[0] for name in GATEWAYS)
    admin = json.loads((local.folder() / "demo.json").read_text())["admin"]
    trusted = str(local.folder() / "ca.crt")
    return {
        "SHOP_BASE_URL": f"https://{ingress}",
        "SHOP_OFFICE_URL": f"https://{office}",
        "SHOP_STAFF_EMAIL": admin["email"],
        "SHOP_STAFF_PASSWORD": admin["password"],
        "SHOP_AUDIT": shlex.join([sys.executable, "-m", "deploy.audit"]),
        "SHOP_METRICS": " ".join(f"http://{address}:{_MANAGEMENT_PORT}" for address in _answering(lab)),
        "SHOP_TOPOLOGY": "cluster",
        "SSL_CERT_FILE": trusted,
        "CURL_CA_BUNDLE": trusted,
    }


def _answering(lab: Lab) -> list[str]:
    """Addresses of the pods that answer requests."""
    return sorted(pod["status"]["podIP"] for pod in pods(lab, "app.kubernetes.io/component=web"))


def audit(lab: Lab) -> tuple[int, str]:
    """Exit status and output of the operator's Job."""
    command = cluster.in_network(lab, sys.executable, "-m", "deploy.audit")
    done = subprocess.run(command, cwd=ROOT, env=lab.environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def counted(lab: Lab, app: str, *labels: str) -> float:
    """Requests that have reached the code of ``app``, in all of its pods, with such labels as ``method="GET"``."""
    found = 0.0
    for pod in pods(lab, f"app={app}"):
        management = f"/api/v1/namespaces/{local.SHOP}/pods/{pod['metadata']['name']}:{_MANAGEMENT_PORT}/proxy"
        text = cluster.kubectl(lab, "get", "--raw", f"{management}/metrics")
        lines = [line for line in text.splitlines() if line.startswith(_REQUESTS)]
        found += sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))
    return found


def in_worker(role: str, *options: str) -> tuple[str, ...]:
    """What kubectl is to be given before a command that it runs in a worker of ``role``, beside it."""
    return ("-n", local.SHOP, "exec", *options, f"deployment/{role}-worker", "--container=app", "--")


def pods(lab: Lab, selector: str) -> list[dict[str, Any]]:
    """Those of the shop that are not on their way out."""
    found = cluster.kubectl_json(lab, "-n", local.SHOP, "get", "pods", "--selector", selector)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
