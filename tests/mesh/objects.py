"""The objects of ``istio/`` as rendered for the lab, moved to the stage, and what a mutation does with them."""

import json
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from deploy import documents
from deploy.lab import cluster
from deploy.lab.lab import ROOT, Lab
from shop.roles import ROLES

SHOP, STAGE = "shop", "shop-stage"
HOST = "stage.test"  # of the stage at the gateways: every other name is the shop's
CERTIFICATE, STRANGE = "stage-tls", "stage-strange-tls"
LEAVES = ("inventory", "payment", "product", "shipping", "user", "notification")
CALLERS = ("cart", "order")

Object = dict[str, Any]
Key = tuple[str, str]  # kind and name


class Objects:
    """Objects that a mutation changes in place; those of one role by short names."""

    def __init__(self, content: dict[Key, Object], role: str) -> None:
        self.content: dict[Key, Object] = pickle.loads(pickle.dumps(content))  # a deep copy, the fast way
        self.role = role

    @property
    def ingress(self) -> Object:
        return self.spec("VirtualService", f"{self.role}-ingress")

    @property
    def mesh(self) -> Object:
        return self.spec("VirtualService", f"{self.role}-mesh")

    @property
    def versions(self) -> Object:
        return self.spec("VirtualService", f"{self.role}-versions")

    @property
    def traffic(self) -> Object:
        """The trafficPolicy of the role's DestinationRule."""
        policy: Object = self.spec("DestinationRule", f"{self.role}-service")["trafficPolicy"]
        return policy

    @property
    def allowed(self) -> Object:
        return self.spec("AuthorizationPolicy", f"{self.role}-service")

    def spec(self, kind: str, name: str) -> Object:
        spec: Object = self.content[(kind, name)]["spec"]
        return spec

    def remove(self, kind: str, name: str) -> None:
        del self.content[(kind, name)]

    def roots(self) -> Iterator[Object]:
        """Both roots of the role: from outside and in the mesh."""
        yield from (self.ingress, self.mesh)

    def routes(self, *names: str) -> Iterator[Object]:
        """The routes of both roots, or those with one of the names."""
        for root in self.roots():
            yield from (route for route in root["http"] if not names or route["name"] in names)


def route(spec: Object, name: str) -> Object:
    """The one route of a VirtualService by its name."""
    found: Object
    (found,) = (each for each in spec["http"] if each["name"] == name)
    return found


def drop_routes(spec: Object, *names: str) -> None:
    spec["http"] = [each for each in spec["http"] if each["name"] not in names]


def rendered(lab: Lab) -> list[Object]:
    """What ``deploy/istio/lab`` comes to. Raises LabError."""
    text = cluster.kubectl(lab, "kustomize", str(ROOT / "deploy/istio/lab"))
    return [each for each in documents.of(text) if each]


def moved(objects: Iterable[Object]) -> dict[Key, Object]:
    """Those of the shop's namespace, renamed for the stage: namespace, identities, host and certificate."""
    mine = (each for each in objects if each["metadata"].get("namespace") == SHOP)
    return {(each["kind"], each["metadata"]["name"]): _moved(each) for each in mine}


def _moved(content: Object) -> Object:
    text = json.dumps(content).replace(f"/ns/{SHOP}/", f"/ns/{STAGE}/").replace('"shop-tls"', f'"{CERTIFICATE}"')
    copy: Object = json.loads(text)
    copy["metadata"]["namespace"] = STAGE
    spec = copy["spec"]
    if content["kind"] == "Gateway":
        for server in spec["servers"]:
            server["hosts"] = [HOST if host == "*" else host for host in server["hosts"]]
    if content["kind"] == "VirtualService" and spec.get("hosts") == ["*"]:
        spec["hosts"] = [HOST]
    return copy


def role_of(key: Key) -> str | None:
    """The role that an object is of, by its name; None for the whole shop's."""
    first, _, rest = key[1].partition("-")
    return first if first in ROLES and rest in {"ingress", "mesh", "versions", "service"} else None
