"""Retries and timeouts: what is repeated, what never, and when a request is given up."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from tests.mesh.elsewhere import hanging_up, nowhere, refusing
from tests.mesh.objects import CALLERS, LEAVES, Object, Objects, drop_routes, route
from tests.mesh.policy import ALL, Change, Mutation, Policy
from tests.mesh.seeing import KEY, Asker, at_once, between, calls_for, equal, sent, ways
from tests.mesh.stage import OFFICE, Answer, Stage

ONE_POD = ("payment", "user", "notification")  # each call of a tag meets the same application
ROUTES = "istio/services/{role}/virtualservice.yaml"
RULE = "istio/services/{role}/destinationrule.yaml"
ENDLESS: Object = {"status": 503}
_RESET: Object = {"reset": True}


def _counted(stage: Stage, role: str, askers: Iterable[Asker], script: Object) -> dict[str, int]:
    """Calls at the application for one request along each way, one after the other: retries at once are limited."""
    return {asker.name: calls_for(stage, role, asker, script)[1] for asker in askers}


def _reads(stage: Stage, role: str) -> Iterator[Asker]:
    yield from ways(stage, role, "GET")
    yield from ways(stage, role, "HEAD")
    yield Asker("root in the clear", lambda script: stage.ask(f"/{role}", script=script, tls=False))


def reads_are_repeated(stage: Stage, role: str) -> None:
    """Four calls for a read that always fails; one that fails twice, by answer or by reset, is hidden."""
    counts = _counted(stage, role, _reads(stage, role), ENDLESS)
    equal("calls of a read that always fails", counts, dict.fromkeys(counts, 4))
    for script in (ENDLESS, _RESET):
        seen = {}
        for asker in _reads(stage, role):
            answer, calls = calls_for(stage, role, asker, script | {"times": 2})
            seen[asker.name] = (answer.status, calls)
        equal("status and calls of a read that fails twice", seen, dict.fromkeys(seen, (200, 3)))


def keyed_writes_are_repeated(stage: Stage, role: str) -> None:
    """As reads: the role answers a repeat with the first outcome."""
    counts = _counted(stage, role, list(ways(stage, role, "POST", KEY)), ENDLESS)
    equal("calls of a keyed write that always fails", counts, dict.fromkeys(counts, 4))


def unkeyed_writes_are_sent_once(stage: Stage, role: str) -> None:
    """Whatever the application did with it: answered 503, or hung up. An empty key is none, and keys are of POST."""
    empty = {"idempotency-key": ""}
    askers = [asker for method in ("POST", "PUT", "PATCH", "DELETE") for asker in ways(stage, role, method)]
    askers += [Asker(f"{each.name}, empty key", each.send) for each in ways(stage, role, "POST", empty)]
    askers += [Asker(f"{each.name}, keyed", each.send) for each in ways(stage, role, "DELETE", KEY)]
    askers.append(Asker("office", lambda script: _office(stage, role, script, "POST")))
    askers.append(Asker("audit", lambda script: _audit(stage, role, script)))
    for name, script in (("answers 503", ENDLESS), ("hangs up", _RESET)):
        counts = _counted(stage, role, askers, script)
        equal(f"calls of an unkeyed write when the application {name}", counts, dict.fromkeys(counts, 1))


def _office(stage: Stage, role: str, script: Object, method: str = "GET") -> Answer:
    return stage.ask(f"/{role}/admin/x", method=method, script=script, gateway=OFFICE)


def _audit(stage: Stage, role: str, script: Object) -> Answer:
    return sent(stage, stage.pod("operator"), role, f"/{role}/internal/audit/rules", script=script)


def what_never_arrived_is_sent_again(stage: Stage, role: str) -> None:
    """One of two endpoints refuses connections: no unkeyed write fails, and each is seen once."""
    with refusing(stage, role) as door, door.endpoint():
        probe = stage.probes()[0]
        tag = stage.new_tag()
        script = {"tag": tag}
        asks: list[Callable[[], Answer]] = [
            lambda: stage.ask(f"/{role}/x", method="POST", script=script),
            lambda: stage.ask(f"/{role}", script=script, tls=False),
            lambda: sent(stage, probe, role, f"/{role}/x", "POST", script=script),
            lambda: _office(stage, role, script, "POST"),
            lambda: _audit(stage, role, script),
        ]
        statuses = [ask().status for ask in asks for _ in range(4)]
        calls = len(stage.calls(f"{role}-service", tag))
    assert door.knocks, "connections to the endpoint that refuses: none, wanted some"
    equal("statuses", Counter(statuses), {200: 20})
    equal("calls", calls, 20)


def a_read_that_was_cut_off_is_repeated(stage: Stage, role: str) -> None:
    """One of two endpoints hangs up on what it read. A read is then sent to the pod, a write without a key is not.

    The endpoint has no certificate, so all is in plain text here, which the pod answers with 403.
    """
    with hanging_up(stage, role) as door, door.endpoint():
        probe = stage.probes()[0]
        reads = [sent(stage, probe, role, f"/{role}/x") for _ in range(4)]
        knocks = door.knocks  # four in all: the fifth would eject the endpoint
        writes = [sent(stage, probe, role, f"/{role}/x", "POST") for _ in range(4)]
    between("reads that the endpoint hung up on", knocks, 1, 4)
    equal("statuses of reads", Counter(answer.status for answer in reads), {403: 4})
    knocks = door.knocks - knocks
    between("writes that it hung up on", knocks, 1, 3)
    equal("statuses of writes", Counter(answer.status for answer in writes), {403: 4 - knocks, 503: knocks})


def callers_are_asked_once(stage: Stage, role: str) -> None:
    """Whatever the method and key: it calls others, and their repeats would multiply. Behind it 4 calls, never 16."""
    askers = [*ways(stage, role, "GET"), *ways(stage, role, "POST", KEY), *ways(stage, role, "POST")]
    askers.append(Asker("root in the clear", lambda script: stage.ask(f"/{role}", script=script, tls=False)))
    askers.append(Asker("office", lambda script: _office(stage, role, script)))
    askers.append(Asker("audit", lambda script: _audit(stage, role, script)))
    counts = _counted(stage, role, askers, ENDLESS)
    equal("calls at a role that calls others", counts, dict.fromkeys(counts, 1))
    equal("calls at a leaf behind it", _behind(stage, role), {role: 1, "product": 4})


def _behind(stage: Stage, role: str) -> dict[str, int]:
    """Calls at a caller and at product, which it asks, when product always fails."""
    tag = stage.new_tag()
    inner = {
        "url": "http://product-service:8000/product/internal/prices",
        "headers": {"x-toy": f'{{"tag": "{tag}", "status": 503}}', "baggage": "version=v1"},
    }
    stage.ask(f"/{role}/x", method="POST", headers=KEY, script={"tag": tag, "call": inner})
    return {name: len(stage.calls(f"{name}-service", tag)) for name in (role, "product")}


def a_slow_first_try_is_left(stage: Stage, role: str) -> None:
    """After two seconds, for another; the client waits no longer than both."""
    script = {"delay_s": 7, "times": 1}
    for askers in (list(_reads(stage, role)), list(ways(stage, role, "POST", KEY))):  # no client repeats four at once
        found = at_once(*(partial(calls_for, stage, role, each, script) for each in askers))
        for asker, (answer, calls) in zip(askers, found, strict=True):
            equal(f"{asker.name}: status and calls", (answer.status, calls), (200, 2))
            between(f"{asker.name}: seconds", answer.seconds, 1.9, 6)


LIMIT_S = dict.fromkeys(LEAVES, 9.0) | dict.fromkeys(CALLERS, 10.0)
_LONGER = 2.0


def _cut(stage: Stage, role: str, asks: dict[str, Callable[[Object], Answer]]) -> None:
    """Each is answered 504 at the role's limit, though the application would answer two seconds later."""
    limit = LIMIT_S[role]
    script = {"delay_s": limit + _LONGER}
    answers = dict(zip(asks, at_once(*(partial(ask, script) for ask in asks.values())), strict=True))
    statuses = {name: answer.status for name, answer in answers.items()}
    equal("statuses of answers that come too late", statuses, dict.fromkeys(statuses, 504))
    for name, answer in answers.items():
        between(f"seconds until {name} is cut", answer.seconds, limit - 0.2, limit + 4)


def cut_at_the_ingress(stage: Stage, role: str) -> None:
    _cut(
        stage,
        role,
        {
            "the root in the clear": lambda script: stage.ask(f"/{role}", script=script, tls=False),
            "a read": lambda script: stage.ask(f"/{role}/x", script=script),
            "a keyed write": lambda script: stage.ask(f"/{role}/x", method="POST", headers=KEY, script=script),
            "a write": lambda script: stage.ask(f"/{role}/x", method="POST", script=script),
        },
    )


def cut_in_the_mesh(stage: Stage, role: str) -> None:
    ask = partial(sent, stage, stage.probes()[0], role, f"/{role}/x")
    _cut(
        stage,
        role,
        {
            "a read": lambda script: ask(script=script),
            "a keyed write": lambda script: ask("POST", headers=KEY, script=script),
            "a write": lambda script: ask("POST", script=script),
        },
    )


def the_office_may_wait(stage: Stage, role: str) -> None:
    """Longer than anybody outside may."""
    answer = _office(stage, role, {"delay_s": LIMIT_S[role] + _LONGER})
    equal("status of a slow page of the office", answer.status, 200)


def the_audit_may_wait(stage: Stage, role: str) -> None:
    answer = _audit(stage, role, {"delay_s": LIMIT_S[role] + _LONGER})
    equal("status of a slow answer to the audit", answer.status, 200)


def the_office_and_the_audit_wait_a_minute(stage: Stage, role: str) -> None:
    script = {"delay_s": 63}
    answers = at_once(
        lambda: stage.ask(f"/{role}/admin/x", script=script, gateway=OFFICE, timeout_s=90),
        lambda: _audit(stage, role, script),
    )
    equal("statuses after a minute", [answer.status for answer in answers], [504, 504])
    for answer in answers:
        between("seconds until it is cut", answer.seconds, 59.5, 62)


def connecting_takes_a_second_at_most(stage: Stage, role: str) -> None:
    """One of two endpoints answers nothing at all: it is left after a second, and the other asked."""
    with nowhere(stage, role) as door, door.endpoint():
        probe = stage.probes()[0]
        answers = at_once(*(partial(sent, stage, probe, role, f"/{role}/x", "POST") for _ in range(4)))
    slowest = max(answer.seconds for answer in answers)
    between("seconds of the slowest of four", slowest, 0.9, 6.0)
    equal("statuses", [answer.status for answer in answers], [200] * 4)


# -- mutations


def _on(*names: str, **fields: object) -> Change:
    """Set fields of the retries of routes, of all unless named."""

    def change(objects: Objects) -> None:
        for each in objects.routes(*names):
            if "retries" in each:
                each["retries"].update(fields)

    return change


def no_retries(*names: str) -> Change:
    """Without any; left out, the mesh's default would be two."""

    def change(objects: Objects) -> None:
        for each in objects.routes(*names):
            if "retries" in each:
                each["retries"] = {"attempts": 0}

    return change


def _without(field: str, root: str, *names: str) -> Change:
    """Remove a field from routes of one root, or from their retries."""

    def change(objects: Objects) -> None:
        for each in getattr(objects, root)["http"]:
            if not names or each["name"] in names:
                each.pop(field, None)
                each.get("retries", {}).pop(field, None)

    return change


def _timed(root: str, name: str, timeout: str) -> Change:
    return lambda objects: route(getattr(objects, root), name).update(timeout=timeout)


def _dropped(name: str, *roots: str) -> Change:
    """Without the route, in one root or in both."""

    def change(objects: Objects) -> None:
        for root in roots or ("ingress", "mesh"):
            drop_routes(getattr(objects, root), name)

    return change


def _both(*changes: Change) -> Change:
    def change(objects: Objects) -> None:
        for each in changes:
            each(objects)

    return change


def _matching(name: str, **fields: Object) -> Change:
    """Other matches of a route."""

    def change(objects: Objects) -> None:
        for each in objects.routes(name):
            for match in each["match"]:
                match.update(fields)

    return change


def _every_write_is_keyed(objects: Objects) -> None:
    """By its path alone: without any match, a route would be every role's that has the same host at the gateways."""
    for each in objects.routes("keyed-write"):
        paths = [{"uri": match["uri"]} for match in each.pop("match") if "uri" in match]
        each.update({"match": paths} if paths else {})


def _in_plain_text(objects: Objects) -> None:
    """The endpoint that hangs up has no certificate; the role's pods answer plain text with 403."""
    objects.traffic["tls"]["mode"] = "DISABLE"
    objects.spec("PeerAuthentication", f"{objects.role}-service")["mtls"]["mode"] = "PERMISSIVE"


_READS = ("read", "plain-root")
_REPEAT = "connect-failure,refused-stream,reset,503"
_ONCE = "connect-failure,refused-stream,reset-before-request"

_WRITES = ("write", "office", "audit")
_NO_TRIES = _both(_without("perTryTimeout", "ingress"), _without("perTryTimeout", "mesh"))  # they would come first

POLICIES = (
    Policy(
        proof="retries-read",
        says="a read that failed is sent again, three times at most",
        file=ROUTES,
        roles=ONE_POD,
        leaves=[
            *(f"leaf/* http.{name}.retries.{field}" for name in _READS for field in ("attempts", "retryOn")),
            "leaf/* http.read.match.-.*",
        ],
        observation=reads_are_repeated,
        mutations=[
            Mutation(name="no retries", change=no_retries(*_READS), seen="GET outside': 1.*GET in the mesh': 1"),
            Mutation(name="one attempt", change=_on(*_READS, attempts=1), seen="GET outside': 2.*in the clear': 2"),
            Mutation(name="not on 503", change=_on(*_READS, retryOn="reset"), seen="GET outside': 1.*in the clear': 1"),
            Mutation(
                name="only GET is a read",
                change=_matching("read", method={"exact": "GET"}),
                seen="HEAD outside': 1.*HEAD in the mesh': 1",
            ),
            Mutation(name="no route of reads", change=_dropped("read"), seen="GET outside': 1.*GET in the mesh': 1"),
        ],
        seconds=2,
    ),
    Policy(
        proof="retries-reset",
        says="so is one whose connection broke",
        file=ROUTES,
        roles=ONE_POD,
        leaves=["leaf/mesh http.read.retries.retryOn", "leaf/mesh http.write.retries.retryOn"],
        lifted=_in_plain_text,
        observation=a_read_that_was_cut_off_is_repeated,
        mutations=[
            Mutation(
                name="not on a reset",
                change=_on("read", retryOn="connect-failure,refused-stream,503"),
                seen="statuses of reads.*503",
            ),
            Mutation(name="writes too", change=_on("write", retryOn=_REPEAT), seen="writes"),
        ],
        seconds=3,
    ),
    Policy(
        proof="retries-keyed",
        says="so is a write with an idempotency key",
        file=ROUTES,
        roles=ONE_POD,
        leaves=["leaf/* http.keyed-write.retries.attempts", "leaf/* http.keyed-write.retries.retryOn"],
        observation=keyed_writes_are_repeated,
        mutations=[
            Mutation(
                name="no retries", change=no_retries("keyed-write"), seen="POST outside': 1.*POST in the mesh': 1"
            ),
            Mutation(
                name="not on 503", change=_on("keyed-write", retryOn=_ONCE), seen="POST outside': 1.*in the mesh': 1"
            ),
            Mutation(
                name="no route of keyed writes",
                change=_dropped("keyed-write"),
                seen="POST outside': 1.*POST in the mesh': 1",
            ),
        ],
    ),
    Policy(
        proof="never-twice",
        says="a write without a key reaches an application once, whatever happens to it",
        file=ROUTES,
        roles=ONE_POD,
        leaves=[
            *(f"leaf/* http.{name}.retries.retryOn" for name in _WRITES),
            "leaf/* http.keyed-write.match.-.*",
            "leaf/ingress http.write.match.-.*",
        ],
        observation=unkeyed_writes_are_sent_once,
        mutations=[
            Mutation(
                name="repeated on 503",
                change=_on(*_WRITES, retryOn=_REPEAT),
                seen="POST outside': 4.*POST in the mesh': 4.*office': 4.*audit': 4",
            ),
            Mutation(
                name="any method with a key",
                change=lambda objects: [each["match"][0].pop("method") for each in objects.routes("keyed-write")],
                seen="DELETE outside, keyed': 4",
            ),
            Mutation(
                name="every write counts as keyed",
                change=_every_write_is_keyed,
                seen="POST outside': 4",
            ),
            Mutation(
                name="an empty key is a key",
                change=_matching("keyed-write", headers={"idempotency-key": {}}),
                seen="empty key': 4",
            ),
            Mutation(
                name="every method is a read", change=_matching("read", method={"regex": ".*"}), seen="POST outside': 4"
            ),
            Mutation(name="no route of writes", change=_dropped("write", "ingress"), seen="POST outside': 0"),
        ],
    ),
    Policy(
        proof="never-arrived",
        says="what never reached an application is sent again, keyed or not",
        file=ROUTES,
        roles=(*ONE_POD, "cart"),
        leaves=[*(f"leaf/* http.{name}.retries.attempts" for name in _WRITES), "caller/* http.*.retries.attempts"],
        observation=what_never_arrived_is_sent_again,
        mutations=[Mutation(name="no attempts", change=no_retries(), seen="503")],
        seconds=4,
    ),
    Policy(
        proof="never-multiplied",
        says="a role that calls others is asked once: tries would multiply along the chain",
        file=ROUTES,
        roles=CALLERS,
        leaves=["caller/* http.*.retries.retryOn", "caller/ingress http.role.match.-.*"],
        observation=callers_are_asked_once,
        mutations=[
            Mutation(
                name="repeated on 503",
                change=_on(retryOn=_REPEAT),
                seen="GET outside': 4.*GET in.*4.*clear': 4.*office': 4.*audit': 4",
            ),
            Mutation(name="no route of the role", change=_dropped("role", "ingress"), seen="GET outside': 0"),
        ],
    ),
    Policy(
        proof="per-try",
        says="one try of what may be repeated takes two seconds at most",
        file=ROUTES,
        roles=ONE_POD,
        leaves=["leaf/* http.*.retries.perTryTimeout"],
        observation=a_slow_first_try_is_left,
        mutations=[
            Mutation(name="no limit of a try outside", change=_without("perTryTimeout", "ingress"), seen="outside"),
            Mutation(name="no limit of a try inside", change=_without("perTryTimeout", "mesh"), seen="in the mesh"),
        ],
        seconds=4,
    ),
    Policy(
        proof="timeout-ingress",
        says="no request from outside takes longer than all its tries",
        file=ROUTES,
        roles=(*ONE_POD, *CALLERS),
        leaves=[f"*/ingress http.{name}.timeout" for name in ("plain-root", "read", "keyed-write", "write", "role")],
        lifted=_NO_TRIES,
        observation=cut_at_the_ingress,
        mutations=[
            Mutation(
                name="no timeout",
                change=_without("timeout", "ingress"),
                seen="clear': 200.*a read': 200.*keyed write': 200.*a write': 200",
            )
        ],
        seconds=11,
    ),
    Policy(
        proof="timeout-mesh",
        says="nor does one between roles",
        file=ROUTES,
        roles=(*ONE_POD, *CALLERS),
        leaves=[f"*/mesh http.{name}.timeout" for name in ("read", "keyed-write", "write", "role")],
        lifted=_NO_TRIES,
        observation=cut_in_the_mesh,
        mutations=[
            Mutation(
                name="no timeout",
                change=_without("timeout", "mesh"),
                seen="a read': 200.*keyed write': 200.*a write': 200",
            )
        ],
        seconds=11,
    ),
    Policy(
        proof="timeout-office",
        says="a page of the office may take longer than one of the shop",
        file=ROUTES,
        roles=ALL,
        leaves=["*/ingress http.office.match.-.*", "*/ingress http.office.timeout"],
        observation=the_office_may_wait,
        mutations=[
            Mutation(name="no route of its own", change=_dropped("office", "ingress"), seen="504"),
            Mutation(name="nine seconds", change=_timed("ingress", "office", "9s"), seen="504"),
        ],
        seconds=11,
    ),
    Policy(
        proof="timeout-audit",
        says="so may an answer to the audit",
        file=ROUTES,
        roles=ALL,
        leaves=["*/mesh http.audit.match.-.*", "*/mesh http.audit.timeout"],
        observation=the_audit_may_wait,
        mutations=[
            Mutation(name="no route of its own", change=_dropped("audit", "mesh"), seen="504"),
            Mutation(name="nine seconds", change=_timed("mesh", "audit", "9s"), seen="504"),
        ],
        seconds=11,
    ),
    Policy(
        proof="minute",
        says="but neither longer than a minute",
        file=ROUTES,
        roles=ALL,
        leaves=["*/ingress http.office.timeout", "*/mesh http.audit.timeout"],
        observation=the_office_and_the_audit_wait_a_minute,
        mutations=[
            Mutation(
                name="no timeout",
                change=_both(_without("timeout", "ingress", "office"), _without("timeout", "mesh", "audit")),
                seen=r"\[200, 200\]",
            )
        ],
        seconds=62,
        slow=True,
    ),
    Policy(
        proof="connect-timeout",
        says="an endpoint that does not answer a connection is left after a second",
        file=RULE,
        roles=(*ONE_POD, "cart"),
        leaves=["*/rule trafficPolicy.connectionPool.tcp.connectTimeout"],
        observation=connecting_takes_a_second_at_most,
        mutations=[
            Mutation(
                name="the default of ten seconds",
                change=lambda objects: objects.traffic["connectionPool"]["tcp"].pop("connectTimeout"),
                seen=r"slowest of four: (9|1\d)\.",
            )
        ],
        seconds=5,
    ),
)
