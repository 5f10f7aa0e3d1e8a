"""The shop in the cluster, as the black-box suite knows it: the suite runs in the lab's network."""

import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from deploy import local
from deploy.lab import cluster
from deploy.lab.istio import INGRESS
from deploy.lab.lab import ROOT, Lab

_MANAGEMENT_PORT = 8001


def run(lab: Lab, command: Sequence[str]) -> int:
    """Exit status of ``command``, told by environment variables where the shop is. Raises LabError."""
    environment = {**lab.environment(), **variables(lab)}
    return subprocess.call(cluster.in_network(lab, *command), cwd=ROOT, env=environment)


def variables(lab: Lab) -> dict[str, str]:
    """As those of the other topologies, and what trusts the ingress' certificate."""
    ingress, _ = cluster.service_address(lab, f"{INGRESS}/istio-ingressgateway", 443)
    admin = json.loads((local.folder() / "demo.json").read_text())["admin"]
    trusted = str(local.folder() / "ca.crt")
    return {
        "SHOP_BASE_URL": f"https://{ingress}",
        "SHOP_STAFF_EMAIL": admin["email"],
        "SHOP_STAFF_PASSWORD": admin["password"],
        "SHOP_AUDIT": shlex.join([sys.executable, "-m", "deploy.audit"]),
        "SHOP_METRICS": " ".join(f"http://{address}:{_MANAGEMENT_PORT}" for address in _web_pods(lab)),
        "SHOP_TOPOLOGY": "cluster",
        "SSL_CERT_FILE": trusted,
        "CURL_CA_BUNDLE": trusted,
    }


def _web_pods(lab: Lab) -> list[str]:
    """Addresses of the pods that answer requests."""
    web = ("-n", local.SHOP, "get", "pods", "--selector=app.kubernetes.io/component=web")
    pods: list[dict[str, Any]] = cluster.kubectl_json(lab, *web)["items"]
    return sorted(pod["status"]["podIP"] for pod in pods)
