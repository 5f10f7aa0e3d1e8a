"""Who is on the stage: toys with the names, labels and identities of the roles, two probes, a stray, and marks."""

import json
from collections.abc import Iterator

from deploy.certificates import Authority
from deploy.lab.istio import INGRESS
from shop.roles import ROLES
from tests.cluster import toys
from tests.mesh.objects import CERTIFICATE, HOST, STAGE, Object

PORT, MANAGEMENT = 8000, 8001
STRAY = ("user-service", "v2")  # has no sidecar
WORKERS = ("product-worker", "notification-worker")
MARKS = (*ROLES, "all")
LIFETIME_S = 30  # of the probes' certificates, which are renewed at half of it (see test_certificates.py)
_PROBE_DOMAIN = "probe.test"

# App, version and number of pods. Two of a leaf and of a caller: for shares and ejection.
_PODS = (
    *((f"{role}-service", "v1", 2 if role in {"inventory", "shipping", "order"} else 1) for role in ROLES),
    ("product-service", "v2", 1),
    ("user-service", "v2", 1),
    *((name, "v1", 1) for name in (*WORKERS, "operator")),
    ("probe", "v1", 3),
)
_SHORT_LIVED = {"proxy.istio.io/config": json.dumps({"proxyMetadata": {"SECRET_TTL": f"{LIFETIME_S}s"}})}
_IDENTITY = {"product-worker": "product-service", "notification-worker": "notification-service"}


def namespace() -> Object:
    labels = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STAGE, "labels": labels}}


def services() -> Iterator[Object]:
    """Accounts and Services; those of the marks have no pods."""
    for name in sorted({app for app, _, _ in _PODS} - set(WORKERS)):
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(name)}
        yield _service(name, {"app": name})
    for mark in MARKS:
        yield _service(mark_host(mark), {"app": mark_host(mark)})
    yield _service("stray", {"app": "stray"})


def _service(name: str, selector: dict[str, str]) -> Object:
    port = {"name": "http", "port": PORT, "targetPort": PORT, "appProtocol": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(name),
        "spec": {"selector": selector, "ports": [port]},
    }


def workloads() -> Iterator[Object]:
    for app, version, replicas in _PODS:
        yield _deployment(app, version, replicas)


def _deployment(app: str, version: str, replicas: int) -> Object:
    labels = {"app": app, "version": version}
    has_sidecar = (app, version) != STRAY
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(f"{app}-{version}"),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": {**labels, "sidecar.istio.io/inject": str(has_sidecar).lower()},
                    "annotations": {
                        "traffic.sidecar.istio.io/excludeInboundPorts": str(MANAGEMENT),
                        "sidecar.istio.io/proxyCPU": "10m",
                        "toy": toys.digest(),
                        **(_SHORT_LIVED if app == "probe" else {}),
                    },
                },
                "spec": toys.pod_spec(_IDENTITY.get(app, app), cpu="10m", management=True),
            },
        },
    }


def policies() -> Iterator[Object]:
    """The probes may ask anything; a door of their own at each gateway; every mark."""
    for app in (*(f"{role}-service" for role in ROLES), "probe"):
        yield _open_to_probes(app)
    for gateway in ("ingressgateway", "internalgateway"):
        server = {"port": {"number": 80, "name": "http-probe", "protocol": "HTTP"}, "hosts": [f"*.{_PROBE_DOMAIN}"]}
        yield {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": _metadata(f"probe-{gateway}"),
            "spec": {"selector": {"istio": gateway}, "servers": [server]},
        }
    for mark in MARKS:
        yield mark_object(mark, "0")
    for role in ROLES:
        yield route_of_probe(through(role), through(role), [{"route": [_to(role)]}])
    yield route_of_probe("stray", "stray", [{"route": [_to("user", subset="v2")]}])


def _open_to_probes(app: str) -> Object:
    """For its pods alone: one for the namespace would hide what the mesh's own says of pods that no policy names."""
    rules = [{"from": [{"source": {"principals": [f"cluster.local/ns/{STAGE}/sa/probe"]}}]}]
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": _metadata(f"probe-{app}"),
        "spec": {"selector": {"matchLabels": {"app": app}}, "rules": rules},
    }


def _to(role: str, **more: str) -> Object:
    return {"destination": {"host": f"{role}-service", "port": {"number": PORT}, **more}}


def through(role: str) -> str:
    """The host by which the gateways lead to a role whatever the path: past the routes of ``istio/``."""
    return f"through-{role}"


def mark_object(mark: str, number: str) -> Object:
    """A route whose answer is the number; in each sidecar and at each gateway."""
    return route_of_probe(
        f"mark-{mark}", mark_host(mark), [{"directResponse": {"status": 200, "body": {"string": number}}}]
    )


def route_of_probe(name: str, host: str, http: list[Object]) -> Object:
    """A VirtualService of the test's own: for ``host`` in the mesh, for ``host.probe.test`` at both gateways."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": _metadata(name),
        "spec": {
            "hosts": [host, name_at_gateway(host)],
            "gateways": ["mesh", "probe-ingressgateway", "probe-internalgateway"],
            "http": http,
        },
    }


def endpoint(role: str, address: str, port: int) -> Object:
    """One more endpoint of the role's v1, wherever it is."""
    labels = {"app": f"{role}-service", "version": "v1"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "WorkloadEntry",
        "metadata": _metadata(f"{role}-elsewhere"),
        "spec": {"address": address, "ports": {"http": port}, "labels": labels},
    }


def mark_host(mark: str) -> str:
    return f"mark-{mark}"


def name_at_gateway(host: str) -> str:
    return f"{host}.{_PROBE_DOMAIN}"


def certificate(authority: Authority, name: str = CERTIFICATE) -> Object:
    """For the stage's name, where the gateways look for certificates."""
    pair = authority.issue([HOST])
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": INGRESS},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.pem},
    }


def _metadata(name: str) -> Object:
    return {"name": name, "namespace": STAGE}
