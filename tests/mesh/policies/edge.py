"""Where the shop meets the world: ports, TLS, what is told outside, what outside may say."""

import ssl
import warnings
from collections.abc import Sequence
from functools import partial

from tests.mesh.objects import CALLERS, HOST, LEAVES, STRANGE, Object, Objects, drop_routes, route
from tests.mesh.policy import ALL, WHOLE, Change, Mutation, Policy
from tests.mesh.seeing import at_once, equal
from tests.mesh.stage import OFFICE, OUTSIDE, Answer, Stage

_ROUTES = "istio/services/{role}/virtualservice.yaml"
_GATEWAY = "istio/gateway.yaml"
_START = "istio/services/start/virtualservice.yaml"
_PROBLEM = "application/problem+json"


# -- gateways


def both_ports_of_both_gateways_answer(stage: Stage, role: str) -> None:
    """A toy does: a shop at the same gateways, which takes every other name, would answer in its place."""
    statuses = {
        f"{gateway} {443 if tls else 80}": _by_a_toy(stage.ask(f"/{role}", gateway=gateway, tls=tls, timeout_s=5))
        for gateway in (OUTSIDE, OFFICE)
        for tls in (False, True)
    }
    equal("statuses", statuses, dict.fromkeys(statuses, 200))


def _by_a_toy(answer: Answer) -> int:
    return answer.status if '"pod": ' in answer.body else 0


def _handshake(stage: Stage, gateway: str, context: ssl.SSLContext) -> str:
    """The version of TLS that was agreed, or why none was."""
    try:
        with stage.secured(gateway, context) as secured:
            return secured.version() or "none"
    except OSError as exc:  # ssl.SSLError too
        return f"refused: {exc}"


def the_certificate_is_ours(stage: Stage, role: str) -> None:
    """A client that trusts the stage's authority alone agrees with both gateways, and is answered."""
    seen = {
        gateway: (_handshake(stage, gateway, stage.context()), stage.ask(f"/{role}/x", gateway=gateway).status)
        for gateway in (OUTSIDE, OFFICE)
    }
    equal("TLS and status", seen, dict.fromkeys(seen, ("TLSv1.3", 200)))


def _old(stage: Stage, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = stage.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version, context.maximum_version = version, version
    return context


def old_tls_is_refused(stage: Stage, role: str) -> None:
    agreed = {}
    for gateway in (OUTSIDE, OFFICE):
        equal("TLS 1.2", _handshake(stage, gateway, _old(stage, ssl.TLSVersion.TLSv1_2)), "TLSv1.2")
        agreed[gateway] = _handshake(stage, gateway, _old(stage, ssl.TLSVersion.TLSv1_1))
    assert all(each.startswith("refused") for each in agreed.values()), f"TLS 1.1: {agreed}, wanted refusals"


# -- port 80


def the_root_answers_in_the_clear(stage: Stage, role: str) -> None:
    """``curl http://<ingress>/<role>``: GET and HEAD of the root, nothing else."""
    seen = {method: stage.ask(f"/{role}", method=method, tls=False).status for method in ("GET", "HEAD", "POST")}
    equal("statuses of the root at port 80", seen, {"GET": 200, "HEAD": 200, "POST": 308})


def all_else_is_redirected(stage: Stage, role: str) -> None:
    """By 308, which keeps a POST a POST, with its path and query."""
    for method, path in (("GET", f"/{role}/x?a=1&b=2"), ("POST", f"/{role}/x?a=1"), ("POST", f"/{role}")):
        answer = stage.ask(path, method=method, tls=False)
        seen = (answer.status, answer.headers.get("location"))
        equal(f"{method} {path} at port 80", seen, (308, f"https://{HOST}{path}"))


def the_start_leads_on(stage: Stage, role: str) -> None:
    """``/`` to the catalogue, ``/admin`` to the admin where there is one, and from port 80 to 443."""
    for gateway in (OUTSIDE, OFFICE):
        for path in ("/", "/admin", "/admin/"):
            answer = stage.ask(path, tls=False, gateway=gateway)
            equal(f"{path} at port 80", (answer.status, answer.headers.get("location")), (308, f"https://{HOST}{path}"))
        answer = stage.ask("/", gateway=gateway)
        equal("/", (answer.status, _path(answer)), (302, "/product/"))
    seen = {path: stage.ask(path, gateway=OFFICE) for path in ("/admin", "/admin/")}
    for path, answer in seen.items():
        equal(path, (answer.status, _path(answer)), (302, "/user/admin/"))
    equal("/admin outside", stage.ask("/admin").status, 404)


def _path(answer: Answer) -> str:
    return answer.headers.get("location", "").removeprefix(f"https://{HOST}")


# -- what is told outside


def _internal_paths(role: str) -> list[str]:
    below = ("internal/events", "/internal/events", "internal//events", "x/../internal/events", "./internal/events")
    coded = (
        "internal%2Fevents",
        "internal%5Cevents",
        "x/..%2Finternal/events",
        "%69nternal/events",
        "x%2F..%2Finternal",
    )
    odd = ("internal;x", "internal;/events", "Internal/events", "internal%252Fevents", "internal%3Fa", "internal.")
    return [f"/{role}/internal", f"/{role}/internal/", *(f"/{role}/{path}" for path in (*below, *coded, *odd))]


def internal_paths_are_not_there(stage: Stage, role: str) -> None:
    """404 as for what does not exist, at both gateways, however the path is written; no call at the application."""
    tag = stage.new_tag()
    asks = [
        (gateway, method, path)
        for gateway in (OUTSIDE, OFFICE)
        for method in ("GET", "POST")
        for path in _internal_paths(role)
    ]
    script = {"tag": tag}
    answers = at_once(*(partial(stage.ask, path, method=m, gateway=g, script=script) for g, m, path in asks))
    wrong = {ask: each.status for ask, each in zip(asks, answers, strict=True) if each.status != 404}
    equal("statuses that are not 404", wrong, {})
    equal("content types", {each.headers.get("content-type") for each in answers}, {_PROBLEM})
    equal("titles", {each.json["title"] for each in answers}, {"Not found"})
    _never_internal(stage, role)


def _never_internal(stage: Stage, role: str) -> None:
    """What passes is no internal path to the application either (its own 404 is the last wall)."""
    tag = stage.new_tag()
    for path in (f"/{role}/;/internal/events", f"/{role}/x;/../internal/events", f"/{role};/internal/events"):
        stage.ask(path, method="POST", script={"tag": tag})
    received = [call["path"] for call in stage.calls(f"{role}-service", tag)]
    equal("internal paths at the application", [path for path in received if path.startswith(f"/{role}/internal")], [])


_PAGES = ("admin", "admin/", "admin/x", "docs", "docs/x", "openapi.json", "openapi.json/x")


def the_office_is_not_there_outside(stage: Stage, role: str) -> None:
    pages = [f"/{role}/{page}" for page in _PAGES]
    outside = {page: stage.ask(page) for page in pages}
    statuses = {page: answer.status for page, answer in outside.items()}
    equal("statuses of the office outside", statuses, dict.fromkeys(pages, 404))
    equal("content types", {answer.headers.get("content-type") for answer in outside.values()}, {_PROBLEM})
    inside = {page: stage.ask(page, gateway=OFFICE).status for page in pages}
    equal("statuses of the office at its gateway", inside, dict.fromkeys(pages, 200))


# -- what outside may say

HOSTILE = {
    "x-service-credential": "planted",
    "x-deadline-ms": "7777",
    "x-forwarded-client-cert": f"By=spiffe://planted;URI=spiffe://cluster.local/ns/{HOST}/sa/order-service",
    "x-forwarded-host": "planted.example",
    "forwarded": "for=planted;host=planted.example",
    "x-envoy-decorator-operation": "planted",
    "x-envoy-expected-rq-timeout-ms": "7777",
    "x-envoy-fault-abort-request": "418",
    "x-envoy-fault-abort-request-percentage": "100",
    "x-envoy-fault-delay-request": "7777",
    "x-envoy-fault-delay-request-percentage": "100",
    "x-envoy-is-timeout-retry": "true",
    "x-envoy-max-retries": "7",
    "x-envoy-original-dst-host": "10.0.0.7:7777",
    "x-envoy-peer-metadata": "cGxhbnRlZA==",
    "x-envoy-peer-metadata-id": "planted~id",
    "x-envoy-retriable-status-codes": "418",
    "x-envoy-retry-on": "5xx,retriable-4xx",
    "x-envoy-upstream-rq-per-try-timeout-ms": "7777",
    "x-envoy-upstream-rq-timeout-ms": "7777",
    "x-b3-flags": "1",
    "x-b3-parentspanid": "aaaaaaaaaaaaaaaa",
    "x-b3-sampled": "1",
    "x-b3-spanid": "bbbbbbbbbbbbbbbb",
    "x-b3-traceid": "cccccccccccccccccccccccccccccccc",
}


def hostile_headers_do_not_arrive(stage: Stage, role: str) -> None:
    """On any route; nor do those that speak of retries add a call."""
    asks: dict[str, partial[Answer]] = {
        "root in the clear": partial(stage.ask, f"/{role}", tls=False),
        "read": partial(stage.ask, f"/{role}/x"),
        "write": partial(stage.ask, f"/{role}/x", method="POST"),
        "keyed write": partial(stage.ask, f"/{role}/x", method="POST"),
        "office": partial(stage.ask, f"/{role}/admin/x", gateway=OFFICE),
    }
    arrived = {}
    for name, ask in asks.items():
        key = {"idempotency-key": "k"} if name == "keyed write" else {}
        received = ask(headers={**HOSTILE, **key}).json["headers"]
        arrived[name] = sorted(header for header, value in HOSTILE.items() if value in received.get(header, ""))
    equal("hostile headers that arrive", arrived, {name: [] for name in asks})
    tag = stage.new_tag()
    answer = stage.ask(f"/{role}/x", method="POST", headers=HOSTILE, script={"tag": tag, "status": 503})
    seen = (answer.status, len(stage.calls(f"{role}-service", tag)))
    equal(f"status and calls of a write whose headers ask for retries ({answer.body[:80]})", seen, (503, 1))


# -- mutations


def _dropped(*names: str) -> Change:
    return lambda objects: drop_routes(objects.ingress, *names)


def _start(objects: Objects) -> Object:
    return objects.spec("VirtualService", "start")


def _without_start(name: str) -> Change:
    return lambda objects: drop_routes(_start(objects), name)


def _matches(name: str, kept: Sequence[int]) -> Change:
    """Only some of a route's matches."""

    def change(objects: Objects) -> None:
        found = route(objects.ingress, name)
        found["match"] = [found["match"][index] for index in kept]

    return change


def _headers_pass(*names: str) -> Change:
    def change(objects: Objects) -> None:
        for each in objects.ingress["http"]:
            if each["name"] in names:
                each.pop("headers", None)

    return change


_GATEWAYS = ("shop", "shop-internal")


def _tls(**fields: object) -> Change:
    """Fields of what both gateways say of TLS."""

    def change(objects: Objects) -> None:
        for gateway in _GATEWAYS:
            for server in objects.spec("Gateway", gateway)["servers"]:
                if "tls" in server:
                    server["tls"].update(fields)

    return change


def _without_port(port: int) -> Change:
    def change(objects: Objects) -> None:
        for gateway in _GATEWAYS:
            spec = objects.spec("Gateway", gateway)
            spec["servers"] = [each for each in spec["servers"] if each["port"]["number"] != port]

    return change


def _of_nobody(objects: Objects) -> None:
    for gateway in _GATEWAYS:
        objects.spec("Gateway", gateway)["selector"]["istio"] = "nobody"


def _answered(name: str, **fields: object) -> Change:
    return lambda objects: route(objects.ingress, name)["directResponse"].update(fields)


def _on_routes(*routes: tuple[str, str]) -> list[Mutation]:
    """One for each route, since each has a list of its own; and by which request that is seen."""
    return [
        Mutation(name=f"{name}: headers pass", change=_headers_pass(name), seen=rf"'{by}': \['forwarded")
        for name, by in routes
    ]


POLICIES = (
    Policy(
        proof="ports",
        says="both gateways listen at 80 and 443",
        file=_GATEWAY,
        roles=WHOLE,
        leaves=["Gateway/* servers.-.port.number", "Gateway/* selector.istio"],
        observation=both_ports_of_both_gateways_answer,
        mutations=[
            Mutation(name="no 80", change=_without_port(80), seen=r"-ingress\w+ 80': [04].*-internal\w+ 80': [04]"),
            Mutation(name="no 443", change=_without_port(443), seen=r"-ingress\w+ 443': [04].*-internal\w+ 443': [04]"),
            Mutation(name="of no gateway", change=_of_nobody, seen=r"-ingress\w+ 80': [04].*-internal\w+ 80': [04]"),
        ],
    ),
    Policy(
        proof="tls",
        says="the shop's certificate, and no certificate wanted of clients",
        file=_GATEWAY,
        roles=WHOLE,
        leaves=["Gateway/* servers.-.tls.mode", "Gateway/* servers.-.tls.credentialName"],
        observation=the_certificate_is_ours,
        mutations=[
            Mutation(name="a stranger's", change=_tls(credentialName=STRANGE), seen="ingress.*refused.*internal"),
            Mutation(
                name="MUTUAL",
                change=_tls(mode="MUTUAL"),
                seen=r"-ingress\w+': \('TLSv1.3', 0\).*-internal\w+': \('TLSv1.3', 0\)",
            ),
        ],
    ),
    Policy(
        proof="tls-version",
        says="nothing below TLS 1.2",
        file=_GATEWAY,
        roles=WHOLE,
        leaves=["Gateway/* servers.-.tls.minProtocolVersion"],
        observation=old_tls_is_refused,
        mutations=[
            Mutation(
                name="1.1, and a cipher that goes with it: of those by default none does",
                change=_tls(minProtocolVersion="TLSV1_1", cipherSuites=["ECDHE-ECDSA-AES128-SHA"]),
                seen="ingress.*TLSv1.1.*internal.*TLSv1.1",
            ),
        ],
    ),
    Policy(
        proof="plain",
        says="the root of a role may be read in the clear",
        file=_ROUTES,
        roles=ALL,
        leaves=["*/ingress http.plain-root.match.-.*"],
        observation=the_root_answers_in_the_clear,
        mutations=[
            Mutation(name="no route", change=_dropped("plain-root"), seen="GET': 308"),
            Mutation(
                name="GET alone",
                change=lambda o: route(o.ingress, "plain-root")["match"][0].update(method={"exact": "GET"}),
                seen="HEAD': 308",
            ),
            Mutation(
                name="every method",
                change=lambda o: route(o.ingress, "plain-root")["match"][0].pop("method"),
                seen="POST': 200",
            ),
        ],
        seconds=0.5,
    ),
    Policy(
        proof="redirect",
        says="all else goes to 443",
        file=_ROUTES,
        roles=ALL,
        leaves=["*/ingress http.plain.match.-.*", "*/ingress http.plain.redirect.*"],
        observation=all_else_is_redirected,
        mutations=[
            Mutation(name="no route", change=_dropped("plain"), seen=r"\(200"),
            Mutation(
                name="301",
                change=lambda o: route(o.ingress, "plain")["redirect"].update(redirectCode=301),
                seen=r"\(301",
            ),
            Mutation(
                name="to http",
                change=lambda o: route(o.ingress, "plain")["redirect"].update(scheme="http"),
                seen="'http:",
            ),
        ],
        seconds=0.5,
    ),
    Policy(
        proof="start",
        says="the start leads to the catalogue, the admin's to the admin",
        file=_START,
        roles=WHOLE,
        leaves=["VirtualService/start http.*"],
        observation=the_start_leads_on,
        mutations=[
            Mutation(name="no redirect to 443", change=_without_start("plain"), seen="at port 80"),
            Mutation(name="no start", change=_without_start("start"), seen="/: .404"),
            Mutation(name="no admin", change=_without_start("admin"), seen="/admin: .404"),
            Mutation(
                name="admin outside",
                change=lambda o: [each.pop("gateways") for each in route(_start(o), "admin")["match"]],
                seen="outside: 302",
            ),
        ],
    ),
    Policy(
        proof="internal-at-the-ingress",
        says="internal paths are not there outside, however they are written",
        file=_ROUTES,
        roles=ALL,
        leaves=["*/ingress http.internal.*"],
        observation=internal_paths_are_not_there,
        mutations=[
            Mutation(name="no route", change=_dropped("internal"), seen="403"),
            Mutation(name="403", change=_answered("internal", status=403), seen="403"),
            Mutation(
                name="case counts",
                change=lambda o: route(o.ingress, "internal")["match"][0].pop("ignoreUriCase"),
                seen="Internal/events'.: 200",
            ),
        ],
        seconds=1,
    ),
    Policy(
        proof="office",
        says="admin and API documents are not there outside",
        file=_ROUTES,
        roles=ALL,
        leaves=["*/ingress http.office-from-outside.*"],
        observation=the_office_is_not_there_outside,
        mutations=[
            Mutation(name="no route", change=_dropped("office-from-outside"), seen="403"),
            Mutation(name="admin alone", change=_matches("office-from-outside", [0, 1]), seen="docs': 403.*json': 403"),
            Mutation(name="not below", change=_matches("office-from-outside", [0, 2, 4]), seen="admin/': 403.*x': 403"),
        ],
        seconds=0.5,
    ),
    Policy(
        proof="headers",
        says="what only the mesh or a role may say is not heard from outside",
        file=_ROUTES,
        roles=LEAVES,
        leaves=["leaf/ingress http.*.headers.request.remove.-"],
        observation=hostile_headers_do_not_arrive,
        mutations=_on_routes(
            ("plain-root", "root in the clear"),
            ("read", "read"),
            ("write", "write"),
            ("keyed-write", "keyed write"),
            ("office", "office"),
        ),
        seconds=0.5,
    ),
    Policy(
        proof="headers-of-callers",
        says="nor by a role that calls others",
        file=_ROUTES,
        roles=CALLERS,
        leaves=["caller/ingress http.*.headers.request.remove.-"],
        observation=hostile_headers_do_not_arrive,
        mutations=_on_routes(("plain-root", "root in the clear"), ("role", "read"), ("office", "office")),
        seconds=0.5,
    ),
)
