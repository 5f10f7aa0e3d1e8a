"""What the lab wants of the machine, asked before anything is built or started."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.lab.lab import Lab, LabError

# Programs, and Debian's packages that have them. The order is that of the message.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "ip": "iproute2",
    "ipset": "ipset",
    "ethtool": "ethtool",
    "modprobe": "kmod",
    "nsenter": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
}

# The node sees these changed or empty, so nothing of the lab's own may be below them.
HIDDEN = tuple(map(Path, ("/etc", "/opt", "/run", "/usr/libexec", "/var/lib", "/var/log", "/var/run", "/proc", "/sys")))


def require(lab: Lab) -> None:
    """Raises LabError, which says what to do."""
    require_root()
    if missing := missing_packages():
        raise LabError(f"Missing for the lab: apt-get install -y {' '.join(missing)}   (or: make cluster-packages)")
    if hidden := next((path for path in HIDDEN if lab.folder.is_relative_to(path)), None):
        raise LabError(f"The lab cannot live below {hidden}: name another folder, SHOP_LAB=/srv/shop-lab.")
    if not re.fullmatch(r"[\w./+-]+", str(lab.folder), re.ASCII):
        raise LabError(f"mount(8) would misread {lab.folder}: name another folder, SHOP_LAB=/srv/shop-lab.")
    if not Path("/sys/fs/cgroup").is_mount():
        raise LabError("The lab needs control groups: nothing is mounted at /sys/fs/cgroup.")


def require_root() -> None:
    """On Linux, which alone has what a lab is made of. Raises LabError."""
    if sys.platform != "linux":
        raise LabError("The lab needs Linux: it is made of the kernel's namespaces and control groups.")
    if os.geteuid() != 0:
        raise LabError("The lab needs root, to make namespaces and control groups of its own: sudo make cluster")


def missing_packages() -> list[str]:
    """Debian's names of what is not installed."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return [package for program, package in PACKAGES.items() if not shutil.which(program, path=path)]


def install_packages() -> None:
    """Install what is missing, with apt-get. Raises LabError."""
    missing = missing_packages()
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise LabError(f"Only Debian's packages can be installed here; wanted: {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", "--quiet", *_WAIT_FOR_LOCK, *command], env=environment, check=False)
        if done.returncode:
            raise LabError(f"apt-get {command[0]} failed: its last lines say why.")


_WAIT_FOR_LOCK = ("--option", "DPkg::Lock::Timeout=300")
