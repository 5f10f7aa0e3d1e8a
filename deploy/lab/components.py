"""What the node runs: each program's command line, and the files that configure it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.lab.images import PAUSE
from deploy.lab.lab import DNS_IP, NODE, NODE_IP, POD_CIDR, SERVICE_CIDR, Lab
from deploy.lab.python_parts import etcd

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
CNI_BINARIES = Path("/opt/cni/bin")  # where Istio's CNI agent adds its own
CNI_CONFIGURATION = Path("/etc/cni/net.d")
CNI_PLUGINS = ("bridge", "host-local", "loopback")  # of Debian's, in /usr/lib/cni
_ETCD = "http://127.0.0.1:2379"

# Parts of containerd that look for what is not here, or would report elsewhere.
_UNUSED_PLUGINS = (
    "snapshotter.v1.btrfs",
    "snapshotter.v1.zfs",
    "snapshotter.v1.devmapper",
    "snapshotter.v1.aufs",
    "tracing.processor.v1.otlp",
    "internal.v1.tracing",
)


@dataclass(frozen=True)
class Component:
    """A program that runs until the lab ends; restarted when it dies. ``name`` is that of its log file."""

    name: str
    command: list[str]


def foundation(lab: Lab) -> Iterator[Component]:
    """What the rest connects to: all of it may start at the same time."""
    yield Component("etcd", _etcd(lab))
    yield Component("kube-apiserver", _apiserver(lab))
    yield Component("containerd", ["containerd", "--config", str(lab.folder / "containerd.toml")])


def rest(lab: Lab) -> Iterator[Component]:
    """What asks the API server."""
    yield Component("kube-controller-manager", _controller_manager(lab))
    yield Component(
        "kube-scheduler", ["kube-scheduler", f"--kubeconfig={lab.pki / 'scheduler.kubeconfig'}", "--leader-elect=false"]
    )
    yield Component(
        "kubelet",
        [
            "kubelet",
            f"--config={lab.folder / 'kubelet.json'}",
            f"--kubeconfig={lab.pki / 'kubelet.kubeconfig'}",
            f"--node-ip={NODE_IP}",
            f"--hostname-override={NODE}",
        ],
    )
    yield Component("kube-proxy", ["kube-proxy", f"--config={lab.folder / 'kube-proxy.json'}"])
    yield Component("kube-router", _network_policies(lab))
    yield Component("metrics-server", _metrics_server(lab))


def write_configuration(lab: Lab) -> None:
    """The files that the command lines above name."""
    (lab.folder / "containerd.toml").write_text(_containerd(lab))
    _write(lab.folder / "kubelet.json", _kubelet(lab))
    _write(lab.folder / "kube-proxy.json", _kube_proxy(lab))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1))


def _etcd(lab: Lab) -> list[str]:
    return [
        str(etcd()),
        f"--data-dir={lab.folder / 'etcd'}",
        "--unsafe-no-fsync",  # a lab does not outlive the machine
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=warn",
    ]


def _apiserver(lab: Lab) -> list[str]:
    pki = lab.pki
    return [
        "kube-apiserver",
        f"--etcd-servers={_ETCD}",
        f"--advertise-address={NODE_IP}",
        "--secure-port=6443",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-client-certificate={pki / 'admin.crt'}",
        f"--kubelet-client-key={pki / 'admin.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        # How metrics-server, behind the API server, knows who asked.
        f"--requestheader-client-ca-file={pki / 'ca.crt'}",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki / 'front-proxy.crt'}",
        f"--proxy-client-key-file={pki / 'front-proxy.key'}",
        "--enable-aggregator-routing=true",
        "--profiling=false",
    ]


def _controller_manager(lab: Lab) -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={lab.pki / 'controller-manager.kubeconfig'}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--root-ca-file={lab.pki / 'ca.crt'}",
        f"--service-account-private-key-file={lab.pki / 'service-accounts.key'}",
        f"--cluster-cidr={POD_CIDR}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--cluster-signing-cert-file={lab.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={lab.pki / 'ca.key'}",
        # A scaled-up HPA is seen to shrink within a test's patience; Kubernetes' default is 5 minutes.
        "--horizontal-pod-autoscaler-downscale-stabilization=30s",
    ]


def _network_policies(lab: Lab) -> list[str]:
    return [
        "kube-router",
        f"--kubeconfig={lab.pki / 'admin.kubeconfig'}",
        f"--hostname-override={NODE}",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
    ]


def _metrics_server(lab: Lab) -> list[str]:
    kubeconfig = lab.pki / "admin.kubeconfig"
    return [
        "metrics-server",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--secure-port=4443",
        f"--tls-cert-file={lab.pki / 'metrics-server.crt'}",
        f"--tls-private-key-file={lab.pki / 'metrics-server.key'}",
        f"--kubelet-certificate-authority={lab.pki / 'ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=5s",  # has to be shorter than the resolution
    ]


def _containerd(lab: Lab) -> str:
    unused = ", ".join(f'"io.containerd.{name}"' for name in _UNUSED_PLUGINS)
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "{lab.folder / "containerd"}"
state = "{CONTAINERD_SOCKET.parent}"
disabled_plugins = [{unused}]

[grpc]
address = "{CONTAINERD_SOCKET}"

[{cri}]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
disable_apparmor = true

[{cri}.containerd]
snapshotter = "overlayfs"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false

[{cri}.cni]
bin_dir = "{CNI_BINARIES}"
conf_dir = "{CNI_CONFIGURATION}"
"""


def pod_network() -> dict[str, Any]:
    """The CNI chain. Istio's agent appends itself, so that pods need no right to change their network."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": POD_CIDR}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge]}


def _kubelet(lab: Lab) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "x509": {"clientCAFile": str(lab.pki / "ca.crt")},
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(lab.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(lab.pki / "kubelet.key"),
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": "/etc/resolv.conf",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{lab.name}",
        "failCgroupV1": False,
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%", "memory.available": "100Mi"},
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,  # nothing that goes could be pulled again
        "maxPods": 100,
        "oomScoreAdj": 0,
        "syncFrequency": "10s",
    }


def _kube_proxy(lab: Lab) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": POD_CIDR,
        "clientConnection": {"kubeconfig": str(lab.pki / "proxy.kubeconfig")},
        # Zero leaves the machine's connection tracking as it is.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "hostnameOverride": NODE,
        "oomScoreAdj": 0,
    }
