"""Istio: the manifest that istioctl makes, applied, and waited for."""

import subprocess
from pathlib import Path

from deploy.lab import cache, cluster
from deploy.lab.lab import MANIFESTS, Lab, LabError

SYSTEM = "istio-system"
INGRESS = "istio-ingress"
PUBLIC, INTERNAL = GATEWAYS = ("istio-ingressgateway", "istio-internalgateway")  # INTERNAL has admin and API documents


def install(lab: Lab) -> None:
    """Apply everything of Istio; safe to repeat. Raises LabError."""
    cluster.apply(lab, manifest(lab.binaries / "istioctl"))


def wait_ready(lab: Lab) -> None:
    """Raises LabError."""
    cluster.wait_rolled_out(lab, SYSTEM, "deployment/istiod", "daemonset/istio-cni-node")
    cluster.wait_rolled_out(lab, INGRESS, *(f"deployment/{name}" for name in GATEWAYS))


def manifest(istioctl: Path) -> Path:
    """What ``istioctl manifest generate`` makes of istio.yaml, made once. Raises LabError."""
    wanted = MANIFESTS / "istio.yaml"
    key = cache.key(wanted, str(istioctl.resolve()))

    def make(into: Path) -> None:
        command = [str(istioctl), "manifest", "generate", "--filename", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"istioctl manifest generate failed: {done.stderr.strip().splitlines()[-1]}")
        (into / "istio.yaml").write_text(done.stdout)

    return cache.kept("istio-manifest", key, make) / "istio.yaml"
