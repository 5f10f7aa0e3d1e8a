"""Names that manifests say of each other, and whether what they name exists. The API server accepts any."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploy import secrets

Resource = dict[str, Any]

# Made outside Kustomize: by deploy.local, by the key vault, or by whoever installs the gateway.
_OUTSIDE_CONFIG = {secrets.PUBLIC_KEYS, "local-ca", "kube-root-ca.crt"}
_OUTSIDE_DATA = {
    "postgres-admin": ("password", "url"),
    "database-logins": (),
    "database-admin": ("url",),
    "valkey-password": ("password",),
    "payment-gateway-environment": ("GATEWAY_DATABASE_URL", "GATEWAY_KEY"),
    "demo-sign-in": ("demo.json",),
    **{f"{server}-tls": ("tls.crt", "tls.key") for server in ("postgres", "valkey", "mail", "payment-gateway", "shop")},
}
_OUTSIDE_SECRETS = {**secrets.of_shop(), **_OUTSIDE_DATA}


@dataclass(frozen=True, slots=True)
class Reference:
    """``owner`` names ``name`` of ``kind``."""

    owner: str
    kind: str
    name: str


def missing(resources: Sequence[Resource]) -> list[str]:
    """One line per name that nothing has."""
    known = {(resource["kind"], resource["metadata"]["name"]) for resource in resources}
    known |= {("Secret", name) for name in _issued(resources)}
    services = {name for kind, name in known if kind == "Service"} | _routed_services(known)
    return [
        f"{found.owner} names {found.kind} {found.name}, which does not exist"
        for found in references(resources)
        if not _exists(found, known, services)
    ]


def count(resources: Sequence[Resource]) -> int:
    """How many references there are."""
    return sum(1 for _ in references(resources))


def references(resources: Iterable[Resource]) -> Iterator[Reference]:
    """Every name of something else in ``resources``."""
    for resource in resources:
        owner = f"{resource['kind']} {resource['metadata']['name']}"
        for pod in _pods(resource):
            yield from _of_pod(owner, pod)
        yield from _of_kind(owner, resource)


def _exists(found: Reference, known: set[tuple[str, str]], services: set[str]) -> bool:
    if found.kind == "Service":
        return found.name in services
    if found.kind == "Secret":
        return found.name in _OUTSIDE_SECRETS or (found.kind, found.name) in known
    if found.kind == "ConfigMap" and found.name in _OUTSIDE_CONFIG:
        return True
    return (found.kind, found.name) in known


def _issued(resources: Iterable[Resource]) -> Iterator[str]:
    """Secrets that cert-manager keeps."""
    for resource in resources:
        if resource["kind"] == "Certificate":
            yield resource["spec"]["secretName"]


def _routed_services(known: set[tuple[str, str]]) -> set[str]:
    """The mesh is rendered apart from the Services that it routes to: those of the roles."""
    from shop.roles import ROLES

    if any(kind == "Deployment" for kind, _ in known):
        return set()
    return {f"{role}-service" for role in ROLES}


def _pods(resource: Resource) -> Iterator[dict[str, Any]]:
    spec = resource.get("spec", {})
    if "jobTemplate" in spec:
        spec = spec["jobTemplate"]["spec"]
    if "template" in spec:
        yield spec["template"]["spec"]


def _of_pod(owner: str, pod: dict[str, Any]) -> Iterator[Reference]:
    if account := pod.get("serviceAccountName"):
        yield Reference(owner, "ServiceAccount", account)
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        for source in container.get("envFrom", []):
            yield from _named(owner, source)
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if key := source.get("secretKeyRef"):
                yield Reference(owner, "Secret", key["name"])
    for volume in pod.get("volumes", []):
        yield from _of_volume(owner, volume)


def _of_volume(owner: str, volume: dict[str, Any]) -> Iterator[Reference]:
    if secret := volume.get("secret"):
        yield Reference(owner, "Secret", secret["secretName"])
    if config := volume.get("configMap"):
        yield Reference(owner, "ConfigMap", config["name"])
    if claim := volume.get("persistentVolumeClaim"):
        yield Reference(owner, "PersistentVolumeClaim", claim["claimName"])
    if driver := volume.get("csi"):
        yield Reference(owner, "SecretProviderClass", driver["volumeAttributes"]["secretProviderClass"])
    for source in volume.get("projected", {}).get("sources", []):
        if secret := source.get("secret"):
            yield Reference(owner, "Secret", secret["name"])
        if config := source.get("configMap"):
            yield Reference(owner, "ConfigMap", config["name"])


def _named(owner: str, source: dict[str, Any]) -> Iterator[Reference]:
    if config := source.get("configMapRef"):
        yield Reference(owner, "ConfigMap", config["name"])
    if secret := source.get("secretRef"):
        yield Reference(owner, "Secret", secret["name"])


def _of_kind(owner: str, resource: Resource) -> Iterator[Reference]:
    spec = resource.get("spec", {})
    match resource["kind"]:
        case "HorizontalPodAutoscaler":
            yield Reference(owner, spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"])
        case "VirtualService":
            yield from _of_routes(owner, spec)
        case "Gateway":
            secrets_named = (server.get("tls", {}).get("credentialName") for server in spec["servers"])
            yield from (Reference(owner, "Secret", name) for name in secrets_named if name)


def _of_routes(owner: str, spec: dict[str, Any]) -> Iterator[Reference]:
    yield from (Reference(owner, "Gateway", gateway) for gateway in spec.get("gateways", []) if gateway != "mesh")
    for route in spec["http"]:
        if delegate := route.get("delegate"):  # one that does not exist is accepted silently
            yield Reference(owner, "VirtualService", delegate["name"])
        yield from (Reference(owner, "Service", to["destination"]["host"]) for to in route.get("route", []))
