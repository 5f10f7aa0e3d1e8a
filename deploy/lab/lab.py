"""One lab: a folder, and the names that follow from it."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
MANIFESTS = HERE / "manifests"

# Inside the lab's own network namespace, so every lab on a machine has the same ones.
NODE = "lab"
NODE_IP = "10.99.0.1"
API_SERVER = f"https://{NODE_IP}:6443"
SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_IP = "10.96.0.1"
DNS_IP = "10.96.0.10"
POD_CIDR = "10.244.0.0/24"

# In the environment of every process that was started into a lab, and so the way to find them.
MARK = "INSIDE_SHOP_LAB"


class LabError(SystemExit):
    """Why the lab cannot do what was asked: one line for whoever asked, exit status 1, no traceback."""


class NodeEnded(LabError):
    """The node is gone: waiting longer is of no use."""


@dataclass(frozen=True)
class Lab:
    """A lab is its folder: all that it writes is below, and its processes carry the path as ``MARK``."""

    folder: Path

    @classmethod
    def chosen(cls) -> "Lab":
        """That of ``SHOP_LAB``, else this checkout's."""
        return cls(Path(os.environ.get("SHOP_LAB") or ROOT / "var/cluster").resolve())

    @property
    def name(self) -> str:
        """Tells labs apart where the machine has one list for all: cgroups."""
        return "shop-lab-" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:10]

    @property
    def marker(self) -> Path:
        """Written first and removed last: a folder without it is somebody else's."""
        return self.folder / "this-is-a-lab"

    @property
    def node_ready(self) -> Path:
        """There once the node has its images and is ready; a start that was broken off has none."""
        return self.folder / "node-ready"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's. Of use inside the lab's network alone."""
        return self.pki / "admin.kubeconfig"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def binaries(self) -> Path:
        """Links to what the cache has built."""
        return self.folder / "bin"

    @property
    def volumes(self) -> Path:
        """What the persistent volumes hold."""
        return self.folder / "volumes"

    def environment(self) -> dict[str, str]:
        """Of a process that runs in the lab: the caller's, the mark, and the lab's tools first on PATH."""
        path = f"{self.binaries}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        return {
            **os.environ,
            MARK: str(self.folder),
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            "PATH": path,
        }
