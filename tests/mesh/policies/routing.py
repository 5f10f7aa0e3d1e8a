"""Which version answers."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from tests.mesh.binomial import bounds
from tests.mesh.objects import HOST, Object, Objects, drop_routes, route
from tests.mesh.policy import ALL, Change, Mutation, Policy
from tests.mesh.seeing import between, equal
from tests.mesh.stage import OUTSIDE, Stage, request

_ROUTES = "istio/services/{role}/virtualservice.yaml"
_RULE = "istio/services/{role}/destinationrule.yaml"
_CANDIDATE = "istio/components/canary-product/kustomization.yaml"


def stable_answers(stage: Stage, role: str) -> None:
    """Where there is no candidate, v1 alone: from outside and in the mesh."""
    tag = stage.new_tag()
    script = {"tag": tag}
    statuses = [stage.ask(f"/{role}/x", method="POST", script=script).status for _ in range(4)]
    sent = stage.send(stage.probes()[0], request(role, f"/{role}/x", "POST", script=script), n=6)
    equal("statuses", Counter([*statuses, *(answer.status for answer in sent)]), {200: 10})
    equal("versions", Counter(call["version"] for call in stage.calls(f"{role}-service", tag)), {"v1": 10})


def _outside(stage: Stage, role: str, tag: str, n: int) -> None:
    """Reads of the root in the clear, on four connections."""

    def some(_: int) -> None:
        connection = HTTPConnection(stage.gateways[OUTSIDE], 80, timeout=20)
        for _ in range(n // 4):
            connection.request("GET", f"/{role}", headers={"Host": HOST, "x-toy": f'{{"tag": "{tag}"}}'})
            connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))


def _shares(stage: Stage, role: str, n: int) -> dict[str, Counter[str]]:
    """Versions that answered ``n`` requests from outside, and ``n`` from a sidecar."""
    outside, inside = stage.new_tag(), stage.new_tag()
    script = {"tag": inside}
    _outside(stage, role, outside, n)
    stage.send(stage.probes()[0], request(role, f"/{role}/x", script=script), n=n, concurrency=4)
    return {
        name: Counter(call["version"] for call in stage.calls(f"{role}-service", tag))
        for name, tag in (("outside", outside), ("in the mesh", inside))
    }


def _split(stage: Stage, role: str, share: float, n: int) -> None:
    for name, versions in _shares(stage, role, n).items():
        between(f"requests {name}", sum(versions.values()), n, n + 10)  # a few were sent again
        between(f"requests to v2 of {n:,} {name}", versions["v2"], *bounds(of=n, share=share))


def a_tenth_goes_to_the_candidate(stage: Stage, role: str) -> None:
    """Within binomial bounds."""
    _split(stage, role, 0.1, 1000)


def half_goes_to_the_candidate(stage: Stage, role: str) -> None:
    """Once the weights say so."""
    _split(stage, role, 0.5, 1000)


def testers_choose(stage: Stage, role: str) -> None:
    """By W3C baggage, wherever in it, from outside and in the mesh."""
    seen = {}
    for baggage in ("version=v2", "a=b,version=v2", "version=v2,a=b", "version=v1", "a=b,version=v1,c=d"):
        tag = stage.new_tag()
        headers = {"baggage": baggage}
        for _ in range(6):
            stage.ask(f"/{role}/x", headers=headers, script={"tag": tag})
        script = {"tag": tag}
        stage.send(stage.probes()[0], request(role, f"/{role}/x", script=script, headers=headers), n=20)
        seen[baggage] = dict(Counter(call["version"] for call in stage.calls(f"{role}-service", tag)))
    equal("versions that answered", seen, {baggage: {"v2" if "v2" in baggage else "v1": 26} for baggage in seen})


# -- mutations


def _weights(*weights: int) -> Change:
    def change(objects: Objects) -> None:
        for target, weight in zip(route(objects.versions, "stable")["route"], weights, strict=True):
            target["weight"] = weight

    return change


def _subset(name: str, labels: Object) -> Change:
    def change(objects: Objects) -> None:
        subsets: Sequence[Object] = objects.spec("DestinationRule", f"{objects.role}-service")["subsets"]
        for each in subsets:
            if each["name"] == name:
                each["labels"] = labels

    return change


def _stable_is(subset: str) -> Change:
    return lambda objects: route(objects.versions, "stable")["route"][0]["destination"].update(subset=subset)


POLICIES = (
    Policy(
        proof="stable",
        says="v1 answers, where there is no candidate",
        file=_ROUTES,
        roles=[role for role in ALL if role not in {"product", "user"}],  # those have pods of v2
        leaves=["*/versions http.stable.route.-.destination.subset"],
        observation=stable_answers,
        mutations=[Mutation(name="v2, which has no pods", change=_stable_is("v2"), seen="503: 10")],
        seconds=1,
    ),
    Policy(
        proof="versions",
        says="a subset has the pods of its version",
        file=_RULE,
        roles=("product",),
        leaves=["*/rule subsets.*.labels.version"],
        observation=testers_choose,
        mutations=[
            Mutation(name="v1 has all pods", change=_subset("v1", {}), seen="'version=v1': {.*v2"),
            Mutation(name="v2 has all pods", change=_subset("v2", {}), seen="'version=v2': {.*v1"),
        ],
        seconds=3,
    ),
    Policy(
        proof="testers",
        says="whoever asks for a version gets it",
        file=_CANDIDATE,
        roles=("product",),
        leaves=["leaf/versions http.testers-*.match.*", "leaf/versions http.testers-*.route.*"],
        observation=testers_choose,
        mutations=[
            Mutation(
                name="nobody gets v2",
                change=lambda objects: drop_routes(objects.versions, "testers-v2"),
                seen="'version=v2': {.*v1",
            ),
            Mutation(
                name="v1 is left to chance",
                change=lambda objects: [drop_routes(objects.versions, "testers-v1"), _weights(50, 50)(objects)],
                seen="'version=v1': {.*v2",
            ),
            Mutation(
                name="alone in its header",
                change=lambda objects: route(objects.versions, "testers-v2")["match"][0]["headers"].update(
                    baggage={"exact": "version=v2"}
                ),
                seen="'a=b,version=v2': {.*v1",
            ),
        ],
        seconds=3,
    ),
    Policy(
        proof="split",
        says="a tenth of the requests goes to the candidate",
        file=_CANDIDATE,
        roles=("product",),
        leaves=["leaf/versions http.stable.route.-.weight"],
        observation=a_tenth_goes_to_the_candidate,
        mutations=[
            Mutation(name="a fifth", change=_weights(80, 20), seen="v2 of 1,000"),
        ],
        seconds=6,
    ),
    Policy(
        proof="split-half",
        says="half of them, once the weights say so",
        file=_CANDIDATE,
        roles=("product",),
        leaves=["leaf/versions http.stable.route.-.weight"],
        lifted=_weights(50, 50),
        observation=half_goes_to_the_candidate,
        mutations=[Mutation(name="a tenth", change=_weights(90, 10), seen="v2 of 1,000")],
        seconds=6,
    ),
)
