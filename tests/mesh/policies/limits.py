"""What a DestinationRule says: shares, limits, and whom it leaves out for a while."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.cluster.waiting import settled
from tests.mesh.elsewhere import refusing
from tests.mesh.objects import Objects
from tests.mesh.policies.retries import no_retries
from tests.mesh.policy import ALL, PAIRS_OF_PODS, Change, Mutation, Policy
from tests.mesh.seeing import between, equal, sent
from tests.mesh.stage import Answer, Pod, Stage, request

RULE = "istio/services/{role}/destinationrule.yaml"
LEAF = ("payment", "user", "notification")  # one pod each; callers have the same limits (tests/deploy)
CONNECTIONS, PENDING, REQUESTS, RETRIES = 64, 64, 128, 3
_SPARED = "shipping"  # no row of a breaker changes it
_AT_ONCE_S = 1.0
_QUIET_S = 1.0
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_POOL = "*/rule trafficPolicy.connectionPool"


# -- shares


def the_slow_pod_gets_half(stage: Stage, role: str) -> None:
    """Of 80 requests, though its answers take long."""
    tag, pods = stage.new_tag(), stage.pods_of(f"{role}-service")
    script = {"tag": tag, "delay_s": 0.4, "pods": [pods[0].name]}
    stage.send(stage.probes()[0], request(role, f"/{role}/x", script=script), n=80, concurrency=8)
    shares = Counter(call["pod"] for call in stage.calls(f"{role}-service", tag))
    between("requests to the slow one of two", shares[pods[0].name], 38, 42)


# -- limits


@dataclass(frozen=True)
class Overload:
    """What came of more requests than are let through, none of which was answered before all had been sent."""

    under_way: int  # at the applications
    answers: list[Answer]  # of all clients, after those under way were let go

    def refused(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == 503]


def _overload(stage: Stage, clients: Sequence[Pod], role: str, n: int) -> Overload:
    """Writes, ``n`` by each client, one begun after the other so that none waits for a connection to be made."""
    tag = stage.new_tag()
    held = request(role, f"/{role}/x", "POST", script={"tag": tag, "hold": True})
    order = {"n": n, "concurrency": n, "pace_s": 0.008, "timeout_s": 90, "id": tag}
    with ThreadPoolExecutor(len(clients)) as pool:
        sending = [pool.submit(stage.send, client, held, **order) for client in clients]
        under_way = _settled(stage, clients, role, tag, n)
        _others_are_spared(stage, clients[0])
        for pod in stage.pods_of(f"{role}-service"):
            stage.management(pod, "POST", f"/release?tag={tag}")
        return Overload(under_way, [answer for each in sending for answer in each.result()])


def _settled(stage: Stage, clients: Sequence[Pod], role: str, tag: str, n: int) -> int:
    """Calls at the applications, once every client has sent all and nothing more has happened for a second."""
    seen, since = (-1, -1), 0.0

    def now() -> bool:
        nonlocal seen, since
        sent = [stage.management(client, "GET", f"/sent?id={tag}") for client in clients]
        found = len(stage.calls(f"{role}-service", tag)), sum(each["ended"] for each in sent)
        if found != seen:
            seen, since = found, time.monotonic()
        return all(each["begun"] == n for each in sent) and time.monotonic() > since + _QUIET_S

    settled(now, True, times=1, within_s=50)
    return seen[0]


def _others_are_spared(stage: Stage, client: Pod) -> None:
    """Another role, asked by the same client, answers meanwhile as ever."""
    answers = [sent(stage, client, _SPARED, f"/{_SPARED}/x", "POST") for _ in range(5)]
    equal("statuses of another role meanwhile", {answer.status for answer in answers}, {200})
    between("seconds of its slowest answer", max(answer.seconds for answer in answers), 0, _AT_ONCE_S)


def _recovers(stage: Stage, role: str) -> None:
    settled(lambda: sent(stage, stage.probes()[0], role, f"/{role}/x", "POST").status, 200, within_s=20)


def the_client_opens_its_breaker(stage: Stage, role: str) -> None:
    """64 under way, 64 wait, the rest is refused at once; then all is well, and others never noticed."""
    found = _overload(stage, stage.probes()[:1], role, 150)
    between("under way at once", found.under_way, CONNECTIONS - 1, CONNECTIONS + 2)
    between("refused of 150", len(found.refused()), 150 - CONNECTIONS - PENDING - 4, 150 - CONNECTIONS - PENDING + 4)
    equal("refused by a breaker", {answer.is_overflow for answer in found.refused()}, {True})
    between("seconds until one was refused", max(answer.seconds for answer in found.refused()), 0, _AT_ONCE_S)
    equal("statuses", {answer.status for answer in found.answers}, {200, 503})
    _recovers(stage, role)


def the_server_opens_its_breaker(stage: Stage, role: str) -> None:
    """Three clients, none of which is at its own limit: the pod's sidecar refuses what is too much for the pod."""
    found = _overload(stage, stage.probes(), role, 60)
    by_server = [answer for answer in found.refused() if "x-envoy-upstream-service-time" in answer.headers]
    between("under way at once at the pod", found.under_way, CONNECTIONS - 1, CONNECTIONS + 2)
    between("refused of 180 by the server's sidecar", len(by_server), 180 - 128 - 6, 180 - 128 + 6)
    _recovers(stage, role)


def requests_under_way_are_limited(stage: Stage, role: str) -> None:
    """Where connections are no limit: 128 at once."""
    found = _overload(stage, stage.probes()[:1], role, 160)
    between("under way at once", found.under_way, REQUESTS - 2, REQUESTS + 2)
    between("refused of 160", len(found.refused()), 160 - REQUESTS - 4, 160 - REQUESTS + 4)
    _recovers(stage, role)


def retries_at_once_are_limited(stage: Stage, role: str) -> None:
    """Of twenty reads that fail at once, three are repeated at a time: retries never are the load."""
    tag = stage.new_tag()
    script = {"tag": tag, "status": 503, "delay_s": 1}
    stage.send(stage.probes()[0], request(role, f"/{role}/x", script=script), n=20, concurrency=20)
    between("calls for twenty reads", len(stage.calls(f"{role}-service", tag)), 21, 50)


# -- connections


def idle_connections_are_closed(stage: Stage, role: str) -> None:
    """What the client's Envoy was told: by behaviour it would take a minute (see the row idle-minute)."""
    probe = stage.probes()[0]
    dump = json.loads(stage.envoy(probe, "/config_dump?resource=dynamic_active_clusters"))
    name = f"outbound|8000|v1|{role}-service."
    (cluster,) = (each["cluster"] for each in dump["configs"] if each["cluster"]["name"].startswith(name))
    options = cluster.get("typed_extension_protocol_options", {}).get(_HTTP, {})
    equal("idle timeout", options.get("common_http_protocol_options", {}).get("idle_timeout"), "60s")


def idle_connections_are_closed_after_a_minute(stage: Stage, role: str) -> None:
    """The application sees its sidecar close the connection: before gunicorn would, after 75 s."""
    pod, probe = stage.pod(f"{role}-service"), stage.probes()[0]
    equal("status", sent(stage, probe, role, f"/{role}/x").status, 200)
    began = time.monotonic()
    settled(lambda: stage.management(pod, "GET", "/connections").get("8000", 0), 0, times=1, within_s=70)
    between("seconds until it is closed", time.monotonic() - began, 50, 70)


def connections_are_kept(stage: Stage, role: str) -> None:
    """Thirty requests, one after the other, come to the application on one or two connections."""
    tag = stage.new_tag()
    stage.send(stage.probes()[0], request(role, f"/{role}/x", script={"tag": tag}), n=30)
    peers = {call["peer"] for call in stage.calls(f"{role}-service", tag)}
    between("connections for thirty requests", len(peers), 1, 4)


# -- ejection

_PACE_S = 0.02  # what one answer says is acted upon by another thread of Envoy


def _bad(stage: Stage, role: str, pods: Sequence[Pod], n: int, status: int = 503) -> tuple[list[int], Counter[str]]:
    """Statuses of writes without a key while some pods answer badly, and the calls of each pod."""
    tag = stage.new_tag()
    script = {"tag": tag, "status": status, "pods": [pod.name for pod in pods]}
    answers = stage.send(stage.probes()[0], request(role, f"/{role}/x", "POST", script=script), n=n, pace_s=_PACE_S)
    return [each.status for each in answers], Counter(call["pod"] for call in stage.calls(f"{role}-service", tag))


def a_bad_pod_is_left_out(stage: Stage, role: str) -> None:
    """After five bad answers in a row; then nobody notices."""
    stage.forget_ejections(role)
    bad, _ = stage.pods_of(f"{role}-service")
    statuses, calls = _bad(stage, role, [bad], 60)
    between("calls of the bad pod, of 60", calls[bad.name], 4, 12)
    equal("statuses of the last 30", set(statuses[-30:]), {200})


def clients_do_not_notice_a_bad_pod(stage: Stage, role: str) -> None:
    """Reads are repeated at the other pod, and soon not sent to the bad one at all."""
    stage.forget_ejections(role)
    tag, (bad, _) = stage.new_tag(), stage.pods_of(f"{role}-service")
    script = {"tag": tag, "status": 503, "pods": [bad.name]}
    answers = stage.send(stage.probes()[0], request(role, f"/{role}/x", script=script), n=60, pace_s=_PACE_S)
    equal("statuses", Counter(answer.status for answer in answers), {200: 60})
    calls = Counter(call["pod"] for call in stage.calls(f"{role}-service", tag))
    between("calls of the bad pod, for 60 reads", calls[bad.name], 4, 12)


def a_pod_comes_back(stage: Stage, role: str) -> None:
    """After thirty seconds, and at most one sweep of five more."""
    stage.forget_ejections(role)
    bad, _ = stage.pods_of(f"{role}-service")
    began = time.monotonic()
    _, calls = _bad(stage, role, [bad], 30)
    between("calls of the bad pod, of 30", calls[bad.name], 4, 12)
    settled(lambda: bool(_bad(stage, role, [], 4)[1][bad.name]), True, times=1, within_s=45)
    between("seconds until it is asked again", time.monotonic() - began, 28, 40)


def never_all_pods_are_left_out(stage: Stage, role: str) -> None:
    """Both answer badly: one is ejected, and the other still asked, for longer than a second ejection would wait."""
    stage.forget_ejections(role)
    _, calls = _bad(stage, role, stage.pods_of(f"{role}-service"), 150)
    equal("calls at the applications, of 150", sum(calls.values()), 150)
    between("calls of the pod that was left out", min(calls.values()), 4, 15)


def a_defect_of_the_code_ejects_nobody(stage: Stage, role: str) -> None:
    """Every pod has it."""
    stage.forget_ejections(role)
    bad, _ = stage.pods_of(f"{role}-service")
    _, calls = _bad(stage, role, [bad], 60, status=500)
    between("calls of the pod that answers 500, of 60", calls[bad.name], 28, 32)


def a_passed_on_503_ejects_nobody(stage: Stage, role: str) -> None:
    """What a role answers for its peers says nothing of its own pods."""
    stage.forget_ejections(role)
    statuses, calls = _bad(stage, role, stage.pods_of(f"{role}-service"), 60)
    equal("statuses", Counter(statuses), {503: 60})
    equal("calls of each pod, of 60", sorted(calls.values()), [30, 30])
    stage.forget_ejections(role)
    _, calls = _bad(stage, role, stage.pods_of(f"{role}-service")[:1], 60)
    between("calls of the one that passes on, of 60", min(calls.values()), 29, 31)


def an_endpoint_that_cannot_be_reached_is_left_out(stage: Stage, role: str) -> None:
    """After five connections that came to nothing it is not tried any more, and the pods still are."""
    with refusing(stage, role) as door, door.endpoint():
        ask = partial(stage.send, stage.probes()[0], request(role, f"/{role}/x", "POST"))
        statuses = Counter(answer.status for answer in ask(n=150, keep=False, pace_s=_PACE_S))
        knocks = door.knocks
    between("connections to the endpoint that refuses, for 150 requests", knocks, 4, 12)
    equal("statuses", statuses, {200: 150})


# -- mutations


def _unhurried(objects: Objects) -> None:
    """Without timeouts: requests are held until all were sent, however long that takes."""
    for each in objects.mesh["http"]:
        each.pop("timeout", None)
        each["retries"].pop("perTryTimeout", None)


def _requests_alone(objects: Objects) -> None:
    _unhurried(objects)
    objects.traffic["connectionPool"]["tcp"]["maxConnections"] = 1024


def _pool(part: str, **fields: object) -> Change:
    """Fields of ``tcp`` or ``http``; None removes."""

    def change(objects: Objects) -> None:
        pool = objects.traffic["connectionPool"][part]
        for name, value in fields.items():
            pool.pop(name, None)
            pool.update({name: value} if value is not None else {})

    return change


def _outliers(**fields: object) -> Change:
    def change(objects: Objects) -> None:
        outliers = objects.traffic["outlierDetection"]
        for name, value in fields.items():
            outliers.pop(name, None)
            outliers.update({name: value} if value is not None else {})

    return change


def _least_requests(objects: Objects) -> None:
    del objects.traffic["loadBalancer"]


def _limit(name: str, part: str, field: str, value: object, seen: str) -> Mutation:
    return Mutation(name=name, change=_pool(part, **{field: value}), seen=seen)


_MORE = r": 1\d\d\."
_ONE_LEFT = r"each pod, of 60: \[1?\d,"
_KNOCKED = r"for 150 requests: (1[3-9]|[2-9]\d|1\d\d)\."
_LEAVES_OUT = "leaf/rule trafficPolicy.outlierDetection."
_CALLERS_OUT = "caller/rule trafficPolicy.outlierDetection."
_ALL_OUT = "*/rule trafficPolicy.outlierDetection."  # callers say the same, or the table's own test fails

POLICIES = (
    Policy(
        proof="round-robin",
        says="equal shares, whatever the answers take",
        file=RULE,
        roles=(*PAIRS_OF_PODS, "order"),
        leaves=["*/rule trafficPolicy.loadBalancer.simple"],
        observation=the_slow_pod_gets_half,
        mutations=[Mutation(name="the default, LEAST_REQUEST", change=_least_requests, seen="slow one of two")],
        seconds=4,
    ),
    Policy(
        proof="breaker-client",
        says="a client has 64 requests under way at a role, 64 wait, and the rest is refused at once",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.tcp.maxConnections", f"{_POOL}.http.http1MaxPendingRequests"],
        lifted=_unhurried,
        alone=True,
        observation=the_client_opens_its_breaker,
        mutations=[
            _limit("no limit of connections", "tcp", "maxConnections", None, _MORE),
            _limit("all may wait", "http", "http1MaxPendingRequests", None, "refused of 150: 0"),
        ],
        seconds=7,
    ),
    Policy(
        proof="breaker-server",
        says="all clients together are limited too, at the pod",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.tcp.maxConnections", f"{_POOL}.http.http1MaxPendingRequests"],
        lifted=_unhurried,
        alone=True,
        observation=the_server_opens_its_breaker,
        mutations=[
            _limit("none wait without limit", "http", "http1MaxPendingRequests", None, "server's sidecar: 0"),
            _limit("no limit of connections", "tcp", "maxConnections", None, r"at the pod: (6[7-9]|[7-9]\d|1\d\d)\."),
        ],
        seconds=9,
    ),
    Policy(
        proof="breaker-requests",
        says="128 are under way at once, where connections are not the limit",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.http.http2MaxRequests"],
        lifted=_requests_alone,
        alone=True,
        observation=requests_under_way_are_limited,
        mutations=[_limit("no limit", "http", "http2MaxRequests", None, "under way at once: 1[3-6]")],
        seconds=6,
    ),
    Policy(
        proof="breaker-retries",
        says="retries never are the load",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.http.maxRetries"],
        lifted=_unhurried,
        alone=True,
        observation=retries_at_once_are_limited,
        mutations=[_limit("no limit", "http", "maxRetries", None, "calls for twenty reads: [678]")],
    ),
    Policy(
        proof="idle",
        says="an idle connection is closed by the client before the server does",
        file=RULE,
        roles=ALL,
        leaves=[f"{_POOL}.http.idleTimeout"],
        observation=idle_connections_are_closed,
        mutations=[_limit("the default of an hour", "http", "idleTimeout", None, "idle timeout: None")],
    ),
    Policy(
        proof="idle-minute",
        says="the same, by behaviour",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.http.idleTimeout"],
        observation=idle_connections_are_closed_after_a_minute,
        mutations=[_limit("the default of an hour", "http", "idleTimeout", None, "last answer")],
        seconds=65,
        slow=True,
    ),
    Policy(
        proof="kept",
        says="connections are used again and again",
        file=RULE,
        roles=LEAF,
        leaves=[f"{_POOL}.http.maxRequestsPerConnection"],
        observation=connections_are_kept,
        mutations=[_limit("one request each", "http", "maxRequestsPerConnection", 1, "thirty requests: 30")],
    ),
    Policy(
        proof="ejection",
        says="a pod that answers badly five times in a row is left out",
        file=RULE,
        roles=PAIRS_OF_PODS,
        leaves=[_LEAVES_OUT + "consecutiveGatewayErrors"],
        observation=a_bad_pod_is_left_out,
        mutations=[
            Mutation(name="never", change=_outliers(consecutiveGatewayErrors=0), seen="bad pod, of 60: 30"),
            Mutation(name="no outlier detection", change=lambda o: o.traffic.pop("outlierDetection"), seen="60: 30"),
        ],
    ),
    Policy(
        proof="unnoticed",
        says="until then its reads are answered by the other",
        file=RULE,
        roles=PAIRS_OF_PODS,
        leaves=[_LEAVES_OUT + "consecutiveGatewayErrors", "leaf/mesh http.read.retries.attempts"],
        observation=clients_do_not_notice_a_bad_pod,
        mutations=[
            Mutation(name="never left out", change=_outliers(consecutiveGatewayErrors=0), seen="for 60 reads: [2-9]"),
            Mutation(name="reads not repeated", change=no_retries("read"), seen="statuses: .*503: "),
        ],
    ),
    Policy(
        proof="ejection-ends",
        says="it comes back after half a minute",
        file=RULE,
        roles=PAIRS_OF_PODS,
        leaves=[_ALL_OUT + "baseEjectionTime", _ALL_OUT + "interval"],
        observation=a_pod_comes_back,
        mutations=[
            Mutation(name="after a second", change=_outliers(baseEjectionTime="1s"), seen=r"asked again: 1?\d\."),
            Mutation(name="ten minutes", change=_outliers(baseEjectionTime="600s"), seen="last answer", slow=True),
            Mutation(name="seen to each minute", change=_outliers(interval="60s"), seen="last answer", slow=True),
        ],
        seconds=35,
    ),
    Policy(
        proof="ejection-half",
        says="never more than half of the pods",
        file=RULE,
        roles=PAIRS_OF_PODS,
        leaves=[_ALL_OUT + "maxEjectionPercent"],
        observation=never_all_pods_are_left_out,
        mutations=[
            Mutation(name="all of them", change=_outliers(maxEjectionPercent=100), seen=r"of 150: (\d\d?|1[0-4]\d),")
        ],
    ),
    Policy(
        proof="plain-500",
        says="a defect of the code ejects nobody: every pod has it",
        file=RULE,
        roles=PAIRS_OF_PODS,
        leaves=[_LEAVES_OUT + "consecutive5xxErrors"],
        observation=a_defect_of_the_code_ejects_nobody,
        mutations=[
            Mutation(name="the default", change=_outliers(consecutive5xxErrors=None), seen=r"500, of 60: 1?\d\.")
        ],
    ),
    Policy(
        proof="passed-on",
        says="what a role answers for its peers ejects none of its pods",
        file=RULE,
        roles=("order",),
        leaves=[_CALLERS_OUT + "consecutiveGatewayErrors", _CALLERS_OUT + "consecutive5xxErrors"],
        observation=a_passed_on_503_ejects_nobody,
        mutations=[
            Mutation(name="five gateway errors", change=_outliers(consecutiveGatewayErrors=5), seen=_ONE_LEFT),
            Mutation(name="the default of five errors", change=_outliers(consecutive5xxErrors=None), seen=_ONE_LEFT),
        ],
    ),
    Policy(
        proof="ejection-unreachable",
        says="an endpoint of a caller that cannot be reached is left out",
        file=RULE,
        roles=("order",),
        leaves=[
            _CALLERS_OUT + name
            for name in (
                "splitExternalLocalOriginErrors",
                "consecutiveLocalOriginFailures",
                "baseEjectionTime",
                "maxEjectionPercent",
                "interval",
            )
        ],
        observation=an_endpoint_that_cannot_be_reached_is_left_out,
        mutations=[
            Mutation(name="never", change=_outliers(consecutiveLocalOriginFailures=1000), seen=_KNOCKED),
            Mutation(
                name="not told apart",
                change=_outliers(splitExternalLocalOriginErrors=None, consecutiveLocalOriginFailures=None),
                seen=_KNOCKED,
            ),
            Mutation(name="nobody", change=_outliers(maxEjectionPercent=1), seen=_KNOCKED),
            Mutation(
                name="for a moment",
                change=_outliers(baseEjectionTime="0.001s", interval="0.01s"),
                seen=_KNOCKED,
            ),
        ],
        seconds=4,
    ),
)
