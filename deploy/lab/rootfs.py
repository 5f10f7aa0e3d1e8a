"""The base of the lab's images that need more than one static binary: a small Debian."""

import subprocess
from pathlib import Path

from deploy.lab import cache
from deploy.lab.lab import LabError

SUITE = "bookworm"
PACKAGES = ("python3", "iptables", "iproute2", "curl")
_LEFT_OUT = ("doc", "man", "locale", "info")
_FILE = "rootfs.tar"


def command(target: Path) -> list[str]:
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT),
        SUITE,
        str(target),
    ]


def key() -> str:
    """Of what is asked for; Debian's own updates come with a new cache."""
    return cache.key(*command(Path("rootfs")))


def tar() -> Path:
    """The file system as a tar, made from Debian's packages if it is not there yet. Raises LabError."""
    return cache.kept("rootfs", key(), _make) / _FILE


def _make(into: Path) -> None:
    done = subprocess.run(command(into / _FILE), capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
        raise LabError(f"mmdebstrap failed: {' | '.join(errors[-2:])}")
