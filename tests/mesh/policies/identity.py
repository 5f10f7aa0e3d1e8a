"""Who is who, who may ask whom for what, and where a pod may go."""

import json
from collections.abc import Iterator, Sequence
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy import authentication
from deploy.lab.istio import SYSTEM
from shop.identity import keyfiles
from shop.roles import OPERATOR, ROLES, Endpoint, endpoints, pairs
from tests.mesh import cast
from tests.mesh.elsewhere import undeclared
from tests.mesh.objects import STAGE, Object, Objects
from tests.mesh.policy import ALL, WHOLE, Change, Mutation, Policy
from tests.mesh.seeing import at_once, equal, sent
from tests.mesh.stage import OFFICE, OUTSIDE, PROBE, Answer, Pod, Stage, request
from tests.mesh.tokens import REFUSED, STAGE_USER

_PEER = "istio/services/{role}/peerauthentication.yaml"
_ALLOWED = "istio/services/{role}/authorizationpolicy.yaml"
_RULE = "istio/services/{role}/destinationrule.yaml"


# -- mutual TLS


def _stray(stage: Stage) -> Pod:
    """The one pod without a sidecar."""
    return stage.pod(*cast.STRAY)


def plain_text_is_refused(stage: Stage, role: str) -> None:
    """The connection of a pod without a certificate is ended before a policy is asked (which would answer 403)."""
    pods = stage.pods_of(f"{role}-service", "v1")
    asks = [{"url": f"http://{pod.address}:{cast.PORT}/{role}/x"} for pod in pods]
    statuses = {answer.status for answer in stage.send(_stray(stage), asks, keep=False)}
    equal("statuses in plain text", statuses, {0})


def plain_text_to_any_pod_is_refused(stage: Stage, role: str) -> None:
    """Also to one that has no PeerAuthentication of its own."""
    (pod,) = stage.pods_of(OPERATOR)
    asks = [{"url": f"http://{pod.address}:{cast.PORT}/x"}]
    asks += [{"url": f"http://{each.address}:{cast.PORT}/x"} for each in stage.pods_of(f"{role}-service")]
    statuses = [answer.status for answer in stage.send(_stray(stage), asks, keep=False)]
    equal("statuses in plain text", statuses, [0] * len(asks))


def a_caller_shows_its_certificate(stage: Stage, role: str) -> None:
    answer = sent(stage, stage.probes()[0], role, f"/{role}/x")
    equal("status", answer.status, 200)
    presented = answer.json["headers"].get("x-forwarded-client-cert", "")
    assert f"URI=spiffe://cluster.local/ns/{STAGE}/sa/{PROBE}" in presented, f"the application was told {presented!r}"


def nothing_is_said_in_plain_text(stage: Stage, role: str) -> None:
    """Not even to a pod of the role that has no sidecar: it gets no request."""
    answer = sent(stage, stage.probes()[0], role, f"/{role}/x", "POST")
    equal("status from the role's pods", answer.status, 200)
    stray = stage.send(stage.probes()[0], {"url": f"http://stray:{cast.PORT}/x"})
    equal("status from a pod without a sidecar", stray[0].status, 503)


# -- who may ask whom


def _sources() -> Iterator[str]:
    yield from (f"{role}-service" for role in ROLES)
    yield OPERATOR


def _asked_of(role: str) -> list[Endpoint]:
    """What anybody may send to the role, by the table; each with a method that nobody may; and what is in no table."""
    listed = {each for pair in pairs() if pair.target == role for each in endpoints(pair.source, role, pair.purpose)}
    others = {Endpoint("PUT", each.path) for each in listed}
    unlisted = {Endpoint("GET", f"/{role}{path}") for path in ("", "/x", "/internal", "/internal/x", "/admin")}
    return sorted(listed | others | unlisted)


def _may(source: str, role: str, endpoint: Endpoint) -> bool:
    name = source.removesuffix("-service")
    return any(
        endpoint in endpoints(name, role, pair.purpose)
        for pair in pairs()
        if (pair.source, pair.target) == (name, role)
    )


def only_the_pairs_of_the_table_pass(stage: Stage, role: str) -> None:
    """Every role and the operator sends everything to the role: 200 for what ``shop/roles.py`` lists, else 403."""
    asked = _asked_of(role)
    requests = [request(role, each.path.replace("*", "a-1"), each.method) for each in asked]
    wrong = []
    for source in _sources():
        stage.renew(stage.pod(source, "v1"), requests[0]["url"])
        answers = stage.send(stage.pod(source, "v1"), requests, concurrency=2)
        for endpoint, answer in zip(asked, answers, strict=True):
            wanted = 200 if _may(source, role, endpoint) else 403
            if answer.status != wanted:
                wrong.append(f"{source} {endpoint.method} {endpoint.path}: {answer.status}, not {wanted}")
    assert not wrong, "; ".join([f"{len(wrong)} wrong", *wrong[:3], *wrong[-3:]])


def nobody_may_ask_by_default(stage: Stage, role: str) -> None:
    """A pod that no policy speaks of answers nobody, in the mesh or at the ingress."""
    url = f"http://{OPERATOR}:{cast.PORT}/x"
    for source in _sources():
        stage.renew(stage.pod(source, "v1"), url)
    answers = [stage.send(stage.pod(source, "v1"), {"url": url})[0] for source in _sources()]
    equal("statuses of whoever asks the operator's pod", {answer.status for answer in answers}, {403})


# -- behind the ingress


def _through(stage: Stage, role: str, gateway: str, paths: Sequence[str]) -> dict[str, int]:
    """Statuses when a gateway lets every path pass: what the workload itself refuses."""
    host = cast.name_at_gateway(cast.through(role))
    asks = [partial(stage.ask, path, gateway=gateway, host=host, tls=False) for path in paths]
    return {path: answer.status for path, answer in zip(paths, at_once(*asks), strict=True)}


def _internal(role: str) -> list[str]:
    return [f"/{role}/internal{rest}" for rest in ("", "/", "/events", "%2Fevents", "/audit/rules")]


def the_workload_refuses_gateways_at_internal_paths(stage: Stage, role: str) -> None:
    for gateway in (OUTSIDE, OFFICE):
        equal("status of a harmless path", _through(stage, role, gateway, [f"/{role}/x"]), {f"/{role}/x": 200})
        seen = _through(stage, role, gateway, _internal(role))
        equal(f"statuses of internal paths through {gateway}", seen, dict.fromkeys(seen, 403))


def the_workload_refuses_the_office_from_outside(stage: Stage, role: str) -> None:
    pages = [f"/{role}/{page}" for page in ("admin", "admin/x", "docs", "docs/x", "openapi.json")]
    seen = _through(stage, role, OUTSIDE, pages)
    equal("statuses of the office's pages from outside", seen, dict.fromkeys(seen, 403))
    seen = _through(stage, role, OFFICE, pages)
    equal("statuses of the office's pages inside", seen, dict.fromkeys(seen, 200))


# -- users' tokens


def only_tokens_of_users_pass(stage: Stage, role: str) -> None:
    """And they reach the application, which looks at them again; one in the address is none, good or not."""
    good, forged = STAGE_USER.token(), STAGE_USER.refused("forged")
    seen = {kind: _bearing(stage, role, token).status for kind, token in _tokens(good).items()}
    seen["in the address"] = sent(stage, stage.probes()[0], role, f"/{role}/x?access_token={forged}").status
    equal("statuses by token", seen, {"good": 200, **REFUSED, "in the address": 200})
    arrived = _bearing(stage, role, good).json["headers"].get("authorization")
    equal("whether the application has it", arrived == f"Bearer {good}", True)


def _tokens(good: str) -> dict[str, str]:
    return {"good": good, **{kind: STAGE_USER.refused(kind) for kind in REFUSED}}


def _bearing(stage: Stage, role: str, token: str) -> Answer:
    return sent(stage, stage.probes()[0], role, f"/{role}/x", headers={"authorization": f"Bearer {token}"})


# -- out of the mesh


def only_what_is_declared_is_reached(stage: Stage, role: str) -> None:
    """An address that no file declares: the connection is ended by the pod's own sidecar."""
    pods = [stage.pod(f"{each}-service", "v1") for each in ROLES] + stage.pods_of(OPERATOR)
    with undeclared() as url:
        equal("control: a pod outside of the mesh", stage.send(_stray(stage), {"url": url})[0].status, 200)
        answers = [stage.send(pod, {"url": url}, timeout_s=5)[0] for pod in pods]
    reached = [pod.app for pod, answer in zip(pods, answers, strict=True) if answer.status == 200]
    equal("pods that reached what is not declared", reached, [])


def only_known_services_are_reached(stage: Stage, role: str) -> None:
    """One of a namespace that no file names: to a sidecar it is an address like any other."""
    request = {"url": f"http://istiod.{SYSTEM}:15014/version"}
    equal("control: a pod outside of the mesh", stage.send(_stray(stage), request)[0].status, 200)
    statuses = {stage.send(stage.pod(f"{each}-service", "v1"), request, timeout_s=5)[0].status for each in ROLES}
    equal("statuses of a service that nobody needs", statuses, {0})


def two_workers_may_go_out(stage: Stage, role: str) -> None:
    with undeclared() as url:
        statuses = {name: stage.send(stage.pod(name), {"url": url}, timeout_s=5)[0].status for name in cast.WORKERS}
    equal("statuses of what is not declared", statuses, dict.fromkeys(cast.WORKERS, 200))


# -- mutations


def _permissive(kind_and_name: tuple[str, str]) -> Change:
    return lambda objects: objects.spec(*kind_and_name)["mtls"].update(mode="PERMISSIVE")


def _own_permissive(objects: Objects) -> None:
    objects.spec("PeerAuthentication", f"{objects.role}-service")["mtls"]["mode"] = "PERMISSIVE"


def _no_peer_authentication(objects: Objects) -> None:
    for kind, name in list(objects.content):
        if kind == "PeerAuthentication":
            objects.remove(kind, name)


def _of_callers(objects: Objects) -> list[Object]:
    """The rules for identities of the shop."""
    return [each for each in objects.allowed["rules"] if f"/ns/{STAGE}/" in each["from"][0]["source"]["principals"][0]]


def _anybody(objects: Objects) -> None:
    for each in _of_callers(objects):
        each["from"][0]["source"]["principals"] = ["*"]


def _any_of_the_shop(objects: Objects) -> None:
    for each in _of_callers(objects):
        each["from"][0]["source"]["principals"] = [f"cluster.local/ns/{STAGE}/*"]


def _any_method(objects: Objects) -> None:
    for each in _of_callers(objects):
        for to in each["to"]:
            to["operation"].pop("methods", None)


def _any_path(objects: Objects) -> None:
    for each in _of_callers(objects):
        for to in each["to"]:
            to["operation"]["paths"] = [f"/{objects.role}/*"]


def _aimed_at_nobody(objects: Objects) -> None:
    objects.allowed["selector"]["matchLabels"]["app"] = "nobody"


def _from_gateway(part: str, words: Sequence[str]) -> Change:
    """Without the exceptions that have one of the words."""

    def change(objects: Objects) -> None:
        for each in objects.allowed["rules"][:2]:
            operation = each["to"][0]["operation"]
            kept = [path for path in operation[part] if not any(word in path for word in words)]
            operation.pop(part)
            operation.update({part: kept} if kept else {})

    return change


def _swap_gateways(objects: Objects) -> None:
    outside, office, *_ = objects.allowed["rules"]
    outside["from"], office["from"] = office["from"], outside["from"]


def _outbound(name: str, mode: str) -> Change:
    return lambda objects: objects.spec("Sidecar", name)["outboundTrafficPolicy"].update(mode=mode)


def _workers_of_nobody(objects: Objects) -> None:
    for name in cast.WORKERS:
        objects.spec("Sidecar", name)["workloadSelector"]["labels"]["app"] = "nobody"


def _rule_of_tokens(objects: Objects) -> Object:
    rule: Object = objects.spec("RequestAuthentication", authentication.NAME)["jwtRules"][0]
    return rule


def _of_tokens(**fields: object) -> Change:
    return lambda objects: _rule_of_tokens(objects).update(fields)


def _strangers_keys(objects: Objects) -> None:
    jwk = keyfiles.public_jwk(STAGE_USER.kid, Ed25519PrivateKey.generate().public_key())
    _rule_of_tokens(objects)["jwks"] = json.dumps({"keys": [jwk]})


def _known(name: str, *hosts: str) -> Change:
    return lambda objects: objects.spec("Sidecar", name)["egress"][0].update(hosts=list(hosts))


POLICIES = (
    Policy(
        proof="strict",
        says="plain text to a role is refused",
        file=_PEER,
        roles=ALL,
        leaves=["*/peer mtls.mode"],
        observation=plain_text_is_refused,
        mutations=[Mutation(name="PERMISSIVE", change=_own_permissive, seen=r"\{403\}")],
        seconds=1,
    ),
    Policy(
        proof="strict-everywhere",
        says="so it is to whatever pod is added",
        file="istio/peerauthentication.yaml",
        roles=WHOLE,
        leaves=["PeerAuthentication/default mtls.mode", "*/peer selector.matchLabels.app"],
        observation=plain_text_to_any_pod_is_refused,
        mutations=[
            Mutation(
                name="PERMISSIVE",
                change=_permissive(("PeerAuthentication", "default")),
                seen=r"\[403, 0",
            ),
            Mutation(name="none at all", change=_no_peer_authentication, seen=r"\[403, 403"),
        ],
        seconds=1,
    ),
    Policy(
        proof="mutual-tls",
        says="a caller shows its certificate",
        file=_RULE,
        roles=ALL,
        leaves=["*/rule trafficPolicy.tls.mode"],
        observation=a_caller_shows_its_certificate,
        mutations=[
            Mutation(name="DISABLE", change=lambda objects: objects.traffic["tls"].update(mode="DISABLE"), seen="503")
        ],
        seconds=1,
    ),
    Policy(
        proof="mutual-tls-only",
        says="and says nothing to a pod that has none",
        file=_RULE,
        roles=("user",),
        leaves=["leaf/rule trafficPolicy.tls.mode"],
        observation=nothing_is_said_in_plain_text,
        mutations=[
            Mutation(
                name="removed: plain text where there is no sidecar",
                change=lambda objects: objects.traffic.pop("tls"),
                seen="without a sidecar: 200",
            )
        ],
        seconds=1,
    ),
    Policy(
        proof="default-deny",
        says="nobody may ask anybody for anything that no policy allows",
        file="istio/authorizationpolicy.yaml",
        roles=WHOLE,
        leaves=["AuthorizationPolicy/default *"],
        observation=nobody_may_ask_by_default,
        mutations=[
            Mutation(
                name="removed",
                change=lambda objects: objects.remove("AuthorizationPolicy", "default"),
                seen="200",
            )
        ],
        seconds=1,
    ),
    Policy(
        proof="pairs",
        says="exactly the pairs, methods and paths of shop/roles.py pass",
        file=_ALLOWED,
        roles=ALL,
        everywhere=True,
        leaves=[
            "*/allowed action",
            "*/allowed selector.matchLabels.app",
            "*/allowed rules.-.from.-.source.principals.-",
            "*/allowed rules.-.to.-.operation.methods.-",
            "*/allowed rules.-.to.-.operation.paths.-",
        ],
        observation=only_the_pairs_of_the_table_pass,
        mutations=[
            Mutation(name="anybody", change=_anybody, seen="200, not 403"),
            Mutation(name="anybody of the shop", change=_any_of_the_shop, seen="200, not 403"),
            Mutation(name="any method", change=_any_method, seen="PUT .*200, not 403"),
            Mutation(name="any path", change=_any_path, seen="200, not 403"),
            Mutation(name="one pair less", change=lambda o: o.allowed["rules"].pop(), seen="403, not 200"),
            Mutation(name="for no pod", change=_aimed_at_nobody, seen="403, not 200"),
            Mutation(name="DENY", change=lambda o: o.allowed.update(action="DENY"), seen="403, not 200"),
        ],
        seconds=4,
    ),
    Policy(
        proof="internal-at-the-workload",
        says="internal paths are refused to the gateways by the workload, whatever these let pass",
        file=_ALLOWED,
        roles=ALL,
        leaves=["*/allowed rules.-.to.-.operation.notPaths.-"],
        observation=the_workload_refuses_gateways_at_internal_paths,
        mutations=[
            Mutation(name="no exception", change=_from_gateway("notPaths", ["internal"]), seen="internal paths.*: 200")
        ],
        seconds=1,
    ),
    Policy(
        proof="office-at-the-workload",
        says="so is the office to the outer gateway",
        file=_ALLOWED,
        roles=ALL,
        leaves=["*/allowed rules.-.to.-.operation.notPaths.-", "*/allowed rules.-.from.-.source.principals.-"],
        observation=the_workload_refuses_the_office_from_outside,
        mutations=[
            Mutation(
                name="no exception",
                change=_from_gateway("notPaths", ["admin", "docs", "openapi"]),
                seen="from outside.*200",
            ),
            Mutation(name="one gateway for the other", change=_swap_gateways, seen="from outside.*200"),
        ],
        seconds=1,
    ),
    Policy(
        proof="tokens",
        says="a token that user did not sign for the shop is refused before a role hears of it",
        file="deploy/authentication.py",
        roles=WHOLE,
        leaves=[],
        observation=only_tokens_of_users_pass,
        mutations=[
            Mutation(
                name="removed",
                change=lambda objects: objects.remove("RequestAuthentication", authentication.NAME),
                seen="'forged': 200",
            ),
            Mutation(name="any audience", change=_of_tokens(audiences=[]), seen="another audience': 200"),
            Mutation(name="another issuer", change=_of_tokens(issuer="somebody"), seen="'good': 401"),
            Mutation(name="another's keys", change=_strangers_keys, seen="'good': 401"),
            Mutation(name="wherever it stands", change=_of_tokens(fromHeaders=[]), seen="the address': 401"),
            Mutation(name="not handed on", change=_of_tokens(forwardOriginalToken=False), seen="has it: False"),
        ],
        seconds=1,
    ),
    Policy(
        proof="egress",
        says="pods go only where a file says",
        file="istio/sidecar.yaml",
        roles=WHOLE,
        leaves=["Sidecar/default outboundTrafficPolicy.mode"],
        observation=only_what_is_declared_is_reached,
        mutations=[Mutation(name="ALLOW_ANY", change=_outbound("default", "ALLOW_ANY"), seen="product-service")],
    ),
    Policy(
        proof="egress-known",
        says="nor to services of namespaces that no file names",
        file="istio/sidecar.yaml",
        roles=WHOLE,
        leaves=["Sidecar/default egress.-.hosts.-"],
        observation=only_known_services_are_reached,
        mutations=[Mutation(name="all of them", change=_known("default", "*/*"), seen=r"nobody needs: \{200\}")],
    ),
    Policy(
        proof="egress-workers",
        says="but for two workers",
        file="istio/sidecar.yaml",
        roles=WHOLE,
        leaves=["Sidecar/*-worker outboundTrafficPolicy.mode", "Sidecar/*-worker workloadSelector.labels.app"],
        observation=two_workers_may_go_out,
        mutations=[
            Mutation(
                name="as the others",
                change=lambda objects: [_outbound(name, "REGISTRY_ONLY")(objects) for name in cast.WORKERS],
                seen="product-worker': (0|502).*notification-worker': (0|502)",
            ),
            Mutation(name="of no pod", change=_workers_of_nobody, seen="product-worker': (0|502).*worker': (0|502)"),
        ],
    ),
)
