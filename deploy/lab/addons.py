"""What a managed cluster brings along: names, volumes, measurements of pods."""

import base64
from collections.abc import Iterator
from typing import Any

from deploy.lab import cluster
from deploy.lab.lab import MANIFESTS, NODE_IP, Lab

_VOLUMES = 12
_VOLUME_SIZE = "10Gi"  # claimed, not reserved: they share the disk
_METRICS_API = "v1beta1.metrics.k8s.io"
_METRICS = {"name": "metrics-server", "namespace": "kube-system"}


def apply(lab: Lab) -> None:
    """Safe to repeat. Raises LabError."""
    cluster.apply(lab, MANIFESTS / "namespaces.yaml", MANIFESTS / "dns.yaml")
    cluster.apply(lab, *_storage(lab), *_metrics(lab))


def wait_ready(lab: Lab) -> None:
    """Names resolve, and pods are measured; without the latter no namespace could be deleted. Raises LabError."""
    cluster.wait_rolled_out(lab, "kube-system", "deployment/coredns")
    cluster.kubectl(lab, "wait", f"apiservice/{_METRICS_API}", "--for=condition=Available", "--timeout=120s")


def _storage(lab: Lab) -> Iterator[dict[str, Any]]:
    """The class ``standard``, as on kind, and volumes made beforehand, since nothing here makes them on demand."""
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    for number in range(1, _VOLUMES + 1):
        folder = lab.volumes / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # fsGroup does not reach a hostPath
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"lab-{number}"},
            "spec": {
                "capacity": {"storage": _VOLUME_SIZE},
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "storageClassName": "standard",
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(folder), "type": "Directory"},
            },
        }


def _metrics(lab: Lab) -> Iterator[dict[str, Any]]:
    """metrics-server is a process of the node; this is how the API server finds it."""
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _METRICS,
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": 4443}]},
    }
    yield {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**_METRICS, "labels": {"kubernetes.io/service-name": "metrics-server"}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": 4443, "protocol": "TCP"}],
        "endpoints": [{"addresses": [NODE_IP], "conditions": {"ready": True}}],
    }
    authority = base64.b64encode((lab.pki / "ca.crt").read_bytes()).decode()
    yield {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": _METRICS_API},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": authority,
            "service": _METRICS,
        },
    }
