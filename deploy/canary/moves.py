"""shift, promote and rollback: what is done to the cluster, in which order."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.canary import pods, rule, slots, step, weights
from deploy.canary.pods import V2, Health
from deploy.canary.slots import Object
from deploy.canary.step import Limits, Stopped
from deploy.kubectl import Refused, kubectl, listed, read

_MANAGER = "--field-manager=canary"
_REVISION = "deployment.kubernetes.io/revision"
_MIGRATED_WITHIN_S = 1800
_READY_WITHIN_S = 300
_QUIET_WITHIN_S = 60  # a weight has spread after 0.4 s, seldom 2
_QUIET_LOOKS = 3
_TAKEN_BACK_WITHIN_S = 60  # customers meet a bad version meanwhile, but an API server may be starting anew
_POLL_S = 1.0


def shift(role: str, wanted: int, limits: Limits, image: str | None) -> None:
    """Bring v2 to ``wanted`` per cent, step by step, each judged. Raises Refused, Stopped, TooThin, Changed."""
    at = weights.present(role)
    if image:
        _make(role, image, at)
    _require_ready(role)
    baseline, health = None, Health()
    for weight in rule.walk(at, wanted):
        _scale(role, weight)
        try:
            step.require_well(role, health)  # before customers meet it: what they do to it is seen from here on
            weights.write(role, weight, expected=at)
            at = weight
            line, v1 = step.judged(role, weight, limits, baseline, health)
        except Stopped as stopped:
            _take_back(role, at, stopped)
            raise
        print(f"{role} {weight:3} %: {line}: passed", flush=True)
        baseline = v1 if rule.is_comparable(weight) else baseline


def promote(role: str) -> None:
    """v1 becomes what v2 is, under no load; then it takes everything, and v2 goes. Raises Refused, Changed.

    Only from 100 %: there all requests have been v2's already, so nothing new is risked, and the walk comes there only
    past a step at 50 % that was passed. Everything may be done twice and v2 goes last, so a promotion that was killed
    is taken up by the next.
    """
    weight, image = weights.present(role), _image_of_v2(role)
    if weight == 100:
        _require_ready(role)
    elif weight or not _is_begun(role, image):
        raise Refused(f"{role} v2 stands at {weight} %, and is promoted from 100 % only: make canary WEIGHT=100")
    with _at_least_v2s_pods(role):
        if weight:
            _take_over(role, image)
        _wait_until_quiet(role)
    kubectl("annotate", "deployment", *_stable(role), f"{slots.IMAGE_BEFORE}-")
    kubectl("delete", "deployment", f"{role}-service-v2")
    print(f"{role} promoted: v1 and the worker run {image}, v1 answers everything, v2 is gone")


def rollback(role: str) -> None:
    """v1 answers everything, whatever v2 stood at, and runs what it ran before a promotion that has not ended.

    Raises Refused.
    """
    before = weights.present(role)
    weights.write(role, 0)
    print(f"{role} rolled back from {before} %: v1 answers everything. v2's pods stay to be looked at; to end them:")
    print(f"  kubectl -n shop delete deployment {role}-service-v2", flush=True)
    _put_back(role, _image_of_v2(role))
    _lower(role)  # last: v1's autoscaler has seen the load meanwhile


def _take_back(role: str, weight: int, stopped: Stopped) -> None:
    """Weight 0, as soon as that can be written; what prevents it is told with the figure that asks for it.

    Raises Changed, Refused.
    """
    end = time.monotonic() + _TAKEN_BACK_WITHIN_S
    while True:
        try:
            return weights.write(role, 0, expected=weight)
        except weights.Changed as changed:
            raise weights.Changed(f"{role} was to be stopped: {stopped}; but {changed}") from None
        except Refused as refusal:
            if time.monotonic() > end:
                raise Refused(f"{role} v2 stays at {weight} % and is bad: {stopped}; not stopped: {refusal}") from None
        time.sleep(_POLL_S)


def _make(role: str, image: str, weight: int) -> None:
    """v2 of ``image``, ready, its migrations before it. Nothing if that runs. Raises Refused."""
    if _image_of_v2(role) == image:
        return
    if weight:
        raise Refused(f"{role} v2 stands at {weight} % with another image: make rollback ROLE={role} first")
    _migrate(role, image)
    v1 = read("deployment", f"{role}-service-v1")
    made = slots.candidate(v1, image)
    kubectl("apply", "--server-side", "--force-conflicts", _MANAGER, "--filename=-", input=json.dumps(made))
    _wait_rolled_out(f"{role}-service-v2", f"app={role}-service,version=v2")


def _image_of_v2(role: str) -> str:
    """Empty if there is no v2. Raises Refused."""
    found = listed("deployments", f"--selector=app={role}-service,version=v2")
    return slots.image_of(found[0]) if found else ""


def _migrate(role: str, image: str) -> None:
    """Expand first: the schema is never behind the code that meets it. Raises Refused."""
    name = f"{role}-migrate-canary"
    live = _migration_of(role, other_than=name)
    kubectl("delete", "job", name, "--ignore-not-found", "--cascade=foreground")  # a pod of before tells nothing now
    kubectl("create", "--filename=-", input=json.dumps(slots.migration(live, image, name)))

    def is_done() -> bool:
        ended = {one["type"] for one in read("job", name)["status"].get("conditions", ()) if one["status"] == "True"}
        if "Failed" in ended:
            raise Refused(f"the migrations of {image} failed: kubectl -n shop logs job/{name}")
        _require_hope(f"job-name={name}")
        return "Complete" in ended

    _wait(f"job/{name}", is_done, within_s=_MIGRATED_WITHIN_S)
    kubectl("delete", "job", name)


def _migration_of(role: str, *, other_than: str) -> Object:
    """The newest of its live Jobs; ``other_than`` is that of a candidate that failed. Raises Refused."""
    jobs = listed("jobs", "--selector=app.kubernetes.io/component=migrate")
    kept = [job for job in jobs if job["metadata"]["name"] != other_than]
    own = [job for job in kept if job["spec"]["template"]["metadata"]["labels"].get("role") == role]
    if not own:
        raise Refused(f"{role} has no migrate Job to make another of: apply its manifests")
    return max(own, key=lambda job: str(job["metadata"]["creationTimestamp"]))


def _require_ready(role: str) -> None:
    """Raises Refused."""
    if not pods.any_ready(role, V2):
        raise Refused(f"{role} v2 has no ready pod: give IMAGE=…, or look at kubectl -n shop get pods -l version=v2")


def _scale(role: str, weight: int) -> None:
    """Pods first: as many as ``weight`` needs. Raises Refused."""
    v1, v2 = _pods(role)
    wanted = rule.pods_for(weight, v1=v1, v2=v2)
    if wanted > v2:
        kubectl("scale", f"deployment/{role}-service-v2", f"--replicas={wanted}")
        _wait_rolled_out(f"{role}-service-v2", f"app={role}-service,version=v2")


def _pods(role: str) -> tuple[int, int]:
    """How many of v1 and v2 are asked for. Raises Refused."""
    v1, v2 = (int(read("deployment", f"{role}-service-{slot}")["spec"]["replicas"]) for slot in ("v1", "v2"))
    return v1, v2


def _stable(role: str) -> tuple[str, str]:
    """The Deployments that a promotion brings up to date."""
    return f"{role}-service-v1", f"{role}-worker"


def _is_begun(role: str, image: str) -> bool:
    """Whether a promotion of ``image`` has come so far that every Deployment runs it, and has not ended."""
    return all(slots.before(read("deployment", name), image) for name in _stable(role))


def _take_over(role: str, image: str) -> None:
    """v1 and the worker run ``image``, then v1 answers everything. Raises Refused; Changed, all being as it was."""
    try:
        for name in _stable(role):
            weights.require(role, 100)  # a release takes minutes, in which somebody may reject it
            _release(name, slots.promoted(read("deployment", name), image))
        weights.write(role, 0, expected=100)
    except weights.Changed:
        _put_back(role, image)
        raise


def _put_back(role: str, image: str) -> None:
    """What a promotion of ``image`` that has not ended has changed. Raises Refused."""
    for name in _stable(role):
        found = read("deployment", name)
        if before := slots.before(found, image):
            _release(name, slots.put_back(found, before))
            print(f"{name} runs {before} again, as before the promotion of {image}", flush=True)


def _release(name: str, patch: Object) -> None:
    """Roll a Deployment over. Raises Refused."""
    kubectl("patch", "deployment", name, _MANAGER, "--type=strategic", f"--patch={json.dumps(patch)}")
    _wait_rolled_out(name, f"app={name.removesuffix('-v1')},version=v1")


@contextmanager
def _at_least_v2s_pods(role: str) -> Iterator[None]:
    """Meanwhile v1 has as many pods as v2, within its autoscaler's bounds: idle, it was left with few."""
    autoscaler = _autoscaler(role)
    v1, v2 = _pods(role)
    wanted = rule.pods_to_take_over(v1=v1, v2=v2, most=int(autoscaler["spec"]["maxReplicas"]))
    _bound(role, slots.raised(autoscaler, wanted))
    try:
        kubectl("scale", f"deployment/{role}-service-v1", f"--replicas={wanted}")
        yield
    finally:
        _lower(role)


def _lower(role: str) -> None:
    """v1's autoscaler has its own minimum again, whichever promotion has raised it. Raises Refused."""
    _bound(role, slots.lowered(_autoscaler(role)))


def _autoscaler(role: str) -> Object:
    return read("hpa", f"{role}-service-v1")


def _bound(role: str, patch: Object) -> None:
    kubectl("patch", "hpa", f"{role}-service-v1", _MANAGER, "--type=merge", f"--patch={json.dumps(patch)}")


def _wait_until_quiet(role: str) -> None:
    """Until v2 counts no request of a customer any more: every proxy knows the weight. Raises Refused."""
    seen: list[object] = []

    def is_quiet() -> bool:
        counts = [step.metrics_if_any(pod) for pod in pods.of_version(role, V2)]
        seen.append(counts if None not in counts else object())  # equal to no other look
        return len(seen) >= _QUIET_LOOKS and all(counts == seen[-1] for counts in seen[-_QUIET_LOOKS:])

    _wait(f"{role} v2 gets no more requests", is_quiet, within_s=_QUIET_WITHIN_S)


def _wait_rolled_out(name: str, selector: str) -> None:
    """Until every pod is of the newest template and ready. Raises Refused, at once if that cannot be.

    Pods of the template before stay until then, hopeless or not: they say nothing of it.
    """

    def is_done() -> bool:
        found = read("deployment", name)
        if found["status"].get("observedGeneration") != found["metadata"]["generation"]:
            return False
        _require_hope(f"{selector},pod-template-hash={_newest_template(found, selector)}")
        return _is_rolled_out(found)

    _wait(f"deployment/{name}", is_done, within_s=_READY_WITHIN_S)


def _newest_template(deployment: Object, selector: str) -> str:
    """The hash that its newest pods bear; empty while there is no such ReplicaSet. Raises Refused."""
    newest = _revision(deployment)
    found = (each for each in listed("replicasets", f"--selector={selector}") if _revision(each) == newest)
    return next((str(each["metadata"]["labels"]["pod-template-hash"]) for each in found), "")


def _revision(live: Object) -> str:
    return str(live["metadata"].get("annotations", {}).get(_REVISION, ""))


def _is_rolled_out(deployment: Object) -> bool:
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    return {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")} == {wanted}


def _require_hope(selector: str) -> None:
    hopeless = [f"pod {pod.name}: {pod.hopeless}" for pod in pods.selected(selector) if pod.hopeless]
    if hopeless:
        raise Refused(hopeless[0])


def _wait(what: str, is_so: Callable[[], bool], *, within_s: float) -> None:
    end = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end:
            raise Refused(f"not after {within_s:.0f} s: {what}")
        time.sleep(_POLL_S)
