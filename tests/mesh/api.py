"""The API server, asked directly: kubectl would cost a process for each of some hundred changes."""

import json
import ssl
from http.client import HTTPSConnection
from urllib.parse import urlsplit

from deploy.lab.lab import API_SERVER, Lab, LabError
from tests.mesh.objects import Key, Object

_MANAGER = "stage"
_TIMEOUT_S = 30
_GROUPS = {
    "Gateway": "networking.istio.io/v1/{}/gateways",
    "VirtualService": "networking.istio.io/v1/{}/virtualservices",
    "DestinationRule": "networking.istio.io/v1/{}/destinationrules",
    "Sidecar": "networking.istio.io/v1/{}/sidecars",
    "ServiceEntry": "networking.istio.io/v1/{}/serviceentries",
    "WorkloadEntry": "networking.istio.io/v1/{}/workloadentries",
    "PeerAuthentication": "security.istio.io/v1/{}/peerauthentications",
    "AuthorizationPolicy": "security.istio.io/v1/{}/authorizationpolicies",
    "RequestAuthentication": "security.istio.io/v1/{}/requestauthentications",
}


class Api:
    """Applies and removes Istio's objects of one namespace; safe in threads."""

    def __init__(self, lab: Lab, namespace: str) -> None:
        self._context = ssl.create_default_context(cafile=str(lab.pki / "ca.crt"))
        self._context.load_cert_chain(lab.pki / "admin.crt", lab.pki / "admin.key")
        self._namespace = namespace

    def apply(self, content: Object) -> None:
        """Server-side apply: what was applied before and is left out now is removed. Raises LabError."""
        query = f"?fieldManager={_MANAGER}&force=true"
        head = {"Content-Type": "application/apply-patch+yaml"}
        self._ask("PATCH", (content["kind"], content["metadata"]["name"]), query, json.dumps(content), head)

    def remove(self, key: Key) -> None:
        """Raises LabError, but not for what is not there."""
        self._ask("DELETE", key, "", None, {}, fine=(404,))

    def _ask(
        self, method: str, key: Key, query: str, body: str | None, headers: dict[str, str], fine: tuple[int, ...] = ()
    ) -> None:
        address = urlsplit(API_SERVER)
        connection = HTTPSConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S, context=self._context)
        kind, name = key
        group, version, namespace, plural = _GROUPS[kind].format(self._namespace).split("/")
        try:
            path = f"/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}{query}"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError as exc:
            raise LabError(f"The API server does not answer: {exc}") from exc
        finally:
            connection.close()
        if answer.status >= 300 and answer.status not in fine:
            raise LabError(f"{method} {kind} {name}: {json.loads(text).get('message', text)}")
