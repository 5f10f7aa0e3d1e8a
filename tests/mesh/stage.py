"""The stage: the mesh's files in a namespace of their own, where toys play the eight roles.

Mutations never touch the shop, calls are counted at the application, and policies are seen alone: there are no
NetworkPolicies here. Run inside the lab's network: pods' addresses and the gateways' are used directly.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deploy.certificates import Authority
from deploy.lab import cluster
from deploy.lab.istio import INGRESS
from deploy.lab.lab import NODE_IP, Lab
from shop.roles import ROLES
from tests.cluster import toys
from tests.cluster.waiting import settled
from tests.mesh import cast, tokens
from tests.mesh.api import Api
from tests.mesh.objects import CERTIFICATE, HOST, STAGE, STRANGE, Key, Object, Objects, moved, rendered, role_of
from tests.mesh.policy import Change

OUTSIDE, OFFICE = "istio-ingressgateway", "istio-internalgateway"
PROBE = "probe"  # may ask every role for everything, by a policy of the stage's own
_SPREAD_S = 30.0
_MERGED_S = 1.1  # Envoy's update_merge_window: a host's health waits so long if the hosts changed less long ago
_WATCHED_WITH_MARKS = "VirtualService"  # of anything else istiod may hear after the mark that follows it
_MANAGEMENT_S = 150.0  # of an order to a toy: longer than the longest timeout of a route


@dataclass(frozen=True, kw_only=True)
class Answer:
    """To one request; status 0 if none came, then ``error`` says why."""

    status: int
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    error: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_overflow(self) -> bool:
        """A circuit breaker's refusal, at either end."""
        return self.status == 503 and self.headers.get("x-envoy-overloaded") == "true"


@dataclass(frozen=True, kw_only=True)
class Pod:
    """One toy."""

    name: str
    app: str
    version: str
    address: str

    @property
    def has_sidecar(self) -> bool:
        return (self.app, self.version) != cast.STRAY


class Stage:
    """What observations ask, and mutations change."""

    def __init__(self, lab: Lab, authority: Authority, originals: dict[Key, Object]) -> None:
        self.lab = lab
        self.originals = originals
        self.pods = _pods(lab)
        self.gateways = {name: cluster.service_address(lab, f"{INGRESS}/{name}", 80)[0] for name in (OUTSIDE, OFFICE)}
        self.authority = authority
        self._api = Api(lab, STAGE)
        self._current: dict[Key, Object] = {}
        self._changing = threading.Lock()
        self._numbers = count(int(time.time() * 1000))

    # -- asking

    def new_tag(self, name: str = "t") -> str:
        """Under which calls of one observation are counted."""
        return f"{name}-{next(self._numbers)}"

    def pods_of(self, app: str, version: str | None = None) -> list[Pod]:
        return [pod for pod in self.pods if pod.app == app and version in (None, pod.version)]

    def pod(self, app: str, version: str | None = None) -> Pod:
        return self.pods_of(app, version)[0]

    def probes(self) -> list[Pod]:
        """Clients with sidecars of their own."""
        return self.pods_of(PROBE)

    def send(
        self, pod: Pod, requests: Sequence[Object] | Object, *, n: int = 1, concurrency: int = 1, **more: Any
    ) -> list[Answer]:
        """What the toy gets for requests that it sends through its sidecar; see the toy for ``more``."""
        listed = [requests] if isinstance(requests, dict) else list(requests)
        order = {"requests": listed, "n": n, "concurrency": concurrency, **more}
        return [Answer(**each) for each in self.management(pod, "POST", "/send", order)]

    def renew(self, pod: Pod, url: str) -> None:
        """The first answer on a connection from before a change may be the old one: let there be new connections."""
        self.send(pod, {"url": url}, n=6, concurrency=3)

    def calls(self, app: str, tag: str) -> list[Object]:
        """As the applications of ``app`` received them, in the order of time."""
        found = [self.management(pod, "GET", f"/calls?{urlencode({'tag': tag})}") for pod in self.pods_of(app)]
        return sorted((call for calls in found for call in calls), key=lambda call: float(call["at"]))

    def envoy(self, pod: Pod, path: str) -> str:
        """A page of the sidecar's admin port."""
        return str(self._text(pod, "GET", f"/envoy?{urlencode({'path': path})}", None))

    def management(self, pod: Pod, method: str, path: str, body: Object | None = None) -> Any:
        return json.loads(self._text(pod, method, path, body))

    def _text(self, pod: Pod, method: str, path: str, body: Object | None) -> str:
        connection = HTTPConnection(pod.address, cast.MANAGEMENT, timeout=_MANAGEMENT_S)
        try:
            connection.request(method, path, body and json.dumps(body))
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        script: Object | None = None,
        gateway: str = OUTSIDE,
        tls: bool = True,
        host: str = HOST,
        timeout_s: float = 30,
    ) -> Answer:
        """Ask from outside, at a gateway, on a connection of its own."""
        sent = {"Host": host, **(headers or {}), **scripted(script)}
        connection = self._connection(self.gateways[gateway], tls, timeout_s)
        began = time.monotonic()
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", "0")
            connection.endheaders()
            got = connection.getresponse()
            body = got.read().decode(errors="replace")
            answered = {name.lower(): value for name, value in got.getheaders()}
            return Answer(status=got.status, seconds=time.monotonic() - began, headers=answered, body=body)
        except (OSError, HTTPException) as exc:
            return Answer(status=0, seconds=time.monotonic() - began, error=repr(exc))
        finally:
            connection.close()

    def _connection(self, address: str, tls: bool, timeout_s: float) -> HTTPConnection:
        return _Named(address, self.context(), timeout_s) if tls else HTTPConnection(address, 80, timeout=timeout_s)

    @contextmanager
    def secured(self, gateway: str, context: ssl.SSLContext | None = None) -> Iterator[ssl.SSLSocket]:
        """A connection to port 443, after the handshake. Raises OSError."""
        with (
            socket.create_connection((self.gateways[gateway], 443), timeout=5) as plain,
            (context or self.context()).wrap_socket(plain, server_hostname=HOST) as secured,
        ):
            yield secured

    def context(self) -> ssl.SSLContext:
        """Trusts the stage's certificate alone."""
        return ssl.create_default_context(cadata=self.authority.pem)

    # -- changing

    @contextmanager
    def changed(self, role: str | None, *changes: Change | None) -> Iterator[None]:
        """The objects changed, and everywhere known; afterwards as they were, and that known too."""
        before = dict(self._current)
        objects = Objects(before, role or "")
        for change in filter(None, changes):
            change(objects)
        try:
            self.become(objects.content, role)
            yield
        finally:
            self.become(before, role)

    def become(self, wanted: dict[Key, Object], role: str | None) -> None:
        """Apply what differs in the objects of ``role`` (None: of all), and wait until every proxy concerned has it."""
        with self._changing:
            mine = [key for key in {*wanted, *self._current} if role in (None, role_of(key))]
            stale = [key for key in mine if wanted.get(key) != self._current.get(key)]
        for key in stale:
            self._put(key, wanted.get(key))
        if stale:
            self.spread(role)
        if any(kind != _WATCHED_WITH_MARKS for kind, _ in stale):
            self.spread(role)

    def _put(self, key: Key, wanted: Object | None) -> None:
        """None: away with it."""
        self._api.apply(wanted) if wanted else self._api.remove(key)
        with self._changing:
            if wanted:
                self._current[key] = wanted
            else:
                del self._current[key]

    def forget_ejections(self, role: str) -> None:
        """A cluster that changes is made anew, and knows nothing of the past."""
        current = dict(self._current)
        objects = Objects(current, role)
        objects.traffic["connectionPool"]["tcp"]["connectTimeout"] = "1.5s"
        self.become(objects.content, role)
        self.become(current, role)
        until_ejections_count()

    def apply(self, *objects: Object) -> None:
        """Objects of the test's own, beside those of ``istio/``."""
        for each in objects:
            self._api.apply(each)

    def remove(self, *objects: Object) -> None:
        for each in objects:
            self._api.remove((each["kind"], each["metadata"]["name"]))

    def spread(self, role: str | None) -> None:
        """Wait until a mark that is set now, and so everything before it, has arrived at the proxies concerned.

        A push carries clusters and listeners before routes, and the mark is a route.
        """
        mark = role or "all"
        number = str(next(self._numbers))
        self._api.apply(cast.mark_object(mark, number))
        near = [*self.probes(), *self.pods_of(f"{role}-service")] if role else self.pods
        asked = [self._marked_by_pod(pod, mark) for pod in near if pod.has_sidecar]
        asked += [self._marked_by_gateway(gateway, mark) for gateway in self.gateways]
        with ThreadPoolExecutor(len(asked)) as pool:
            list(pool.map(lambda ask: settled(ask, number, times=2, within_s=_SPREAD_S), asked))

    def _marked_by_pod(self, pod: Pod, mark: str) -> Callable[[], str]:
        request = {"url": f"http://{cast.mark_host(mark)}:{cast.PORT}/"}
        return lambda: self.send(pod, request, timeout_s=5)[0].body

    def _marked_by_gateway(self, gateway: str, mark: str) -> Callable[[], str]:
        return lambda: (
            self.ask("/", host=cast.name_at_gateway(cast.mark_host(mark)), gateway=gateway, tls=False, timeout_s=5).body
        )


def until_ejections_count() -> None:
    """Wait until a pod that is ejected is left out at once, though endpoints have just changed."""
    end = time.monotonic() + _MERGED_S
    settled(lambda: time.monotonic() > end, True, times=1)


class _Named(HTTPSConnection):
    """TLS to an address, by the stage's name."""

    def __init__(self, address: str, context: ssl.SSLContext, timeout_s: float) -> None:
        super().__init__(address, 443, timeout=timeout_s, context=context)
        self._trusting = context

    def connect(self) -> None:
        HTTPConnection.connect(self)
        self.sock = self._trusting.wrap_socket(self.sock, server_hostname=HOST)


def scripted(script: Object | None) -> dict[str, str]:
    """The header that tells a toy how to answer."""
    return {"x-toy": json.dumps(script)} if script else {}


def request(
    role: str, path: str, method: str = "GET", *, script: Object | None = None, headers: dict[str, str] | None = None
) -> Object:
    """One to a role, for a toy to send."""
    url = f"http://{role}-service:{cast.PORT}{path}"
    return {"url": url, "method": method, "headers": {**(headers or {}), **scripted(script)}}


def start(lab: Lab) -> Stage:
    """Bring the toys and the mesh's files onto the stage and wait for both; safe to repeat. Raises LabError."""
    toys.bring_image(lab)
    folder = lab.folder / "stage"
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = Authority.of(folder)
    _wait_for_removal(lab)
    cluster.apply(lab, cast.namespace())
    originals = moved(rendered(lab)) | tokens.checked()
    cluster.apply(lab, *cast.services(), *cast.workloads(), *cast.policies(), *_certificates(authority, folder))
    _wait(lab)
    stage = Stage(lab, authority, originals)
    stage.remove(*(cast.endpoint(role, NODE_IP, 1) for role in ROLES))  # of a run that was killed
    stage.become(originals, None)
    return stage


def _wait_for_removal(lab: Lab) -> None:
    """Of the stage before, if that is just going."""
    going = "--output=jsonpath={.metadata.deletionTimestamp}"
    if cluster.kubectl(lab, "get", "namespace", STAGE, "--ignore-not-found", going):
        cluster.kubectl(lab, "wait", "--for=delete", f"namespace/{STAGE}", "--timeout=180s")


def remove(lab: Lab) -> None:
    """All of it, without waiting for the namespace's end."""
    cluster.kubectl(lab, "delete", "namespace", STAGE, "--ignore-not-found", "--wait=false")
    cluster.kubectl(lab, "-n", INGRESS, "delete", "secret", CERTIFICATE, STRANGE, "--ignore-not-found")


def _certificates(authority: Authority, folder: Path) -> Iterator[Object]:
    """The stage's, and one of an authority that nobody trusts: a gateway without any keeps what it had."""
    stranger = folder / "stranger"
    stranger.mkdir(mode=0o700, exist_ok=True)
    yield cast.certificate(authority)
    yield cast.certificate(Authority.of(stranger), STRANGE)


def _wait(lab: Lab) -> None:
    names = [f"deployment/{each['metadata']['name']}" for each in cast.workloads() if each["kind"] == "Deployment"]
    cluster.wait_rolled_out(lab, STAGE, *names)


def _pods(lab: Lab) -> list[Pod]:
    found: Iterable[Object] = cluster.kubectl_json(lab, "-n", STAGE, "get", "pods")["items"]
    return sorted(
        (
            Pod(
                name=pod["metadata"]["name"],
                app=pod["metadata"]["labels"]["app"],
                version=pod["metadata"]["labels"]["version"],
                address=pod["status"]["podIP"],
            )
            for pod in found
            if "deletionTimestamp" not in pod["metadata"] and pod["status"].get("podIP")
        ),
        key=lambda pod: pod.name,
    )
