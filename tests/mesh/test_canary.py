"""make canary, promote and rollback, mostly on product, with customers who look on: what they see is printed.

The second release is the image that runs, under another name. What makes it a bad one is said by each test.
"""

import json
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from deploy.canary.delegate import routes, weight_of
from deploy.canary.slots import MINIMUM_BEFORE
from deploy.lab import cluster
from deploy.lab.lab import ROOT, Lab
from deploy.local import SHOP
from deploy.release import version
from tests.mesh.binomial import within
from tests.mesh.test_faults import commanded, fault
from tests.shop_api.client import Api, Shop, wait_for

PRESENT, NEXT, MISSING = f"shop:{version()}", "shop:0.2.0", "shop:9.9.9"
V1, V2, WORKER, VERSIONS = "product-service-v1", "product-service-v2", "product-worker", "product-versions"
JUDGED = ("--step-s", "5", "--requests", "100", "--wait-s", "150")
ALIKE = (*JUDGED, "--p95", "5")  # of few requests, on two busy cores, equal versions may well be twice apart
_CUSTOMERS = 3
_ENDED_WITHIN_S = 900

pytestmark = pytest.mark.full


@dataclass
class Seen:
    """What customers saw, by the version that answered; "" is the mesh itself."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    took_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def asked(self) -> int:
        return sum(self.answers.values())

    @property
    def failed(self) -> int:
        return sum(count for (_, status), count in self.answers.items() if status != 200)

    def of(self, version: str) -> int:
        return sum(count for (name, _), count in self.answers.items() if name == version)

    def __str__(self) -> str:
        p95 = {
            name: f"{1000 * statistics.quantiles(s, n=20)[-1]:.0f} ms" for name, s in self.took_s.items() if len(s) > 1
        }
        return f"customers saw {dict(self.answers)}, p95 {p95}"


@contextmanager
def customers(shop: Shop, path: str) -> Iterator[Seen]:
    """Some who look at one page for as long as this lasts, without repeating anything."""
    seen, ended = Seen(), threading.Event()

    def look() -> None:
        while not ended.is_set():
            began = time.monotonic()
            name, status = _look(shop.anyone, path)
            seen.answers[name, status] += 1
            seen.took_s[name].append(time.monotonic() - began)

    with ThreadPoolExecutor(_CUSTOMERS) as pool:
        each = [pool.submit(look) for _ in range(_CUSTOMERS)]
        try:
            yield seen
        finally:
            ended.set()
    for one in each:
        one.result()
    print(seen)


def _look(who: Api, path: str) -> tuple[str, int]:
    """Version and status; 0 for no answer."""
    try:
        answer = who.get(path)
    except urllib3.exceptions.HTTPError:
        return "", 0
    return answer.headers.get("X-Service-Version", ""), answer.status


class Slots:
    """A role's two slots in the cluster, and the command under test."""

    def __init__(self, lab: Lab, role: str = "product") -> None:
        self._lab, self._role = lab, role
        self.names = (f"{role}-service-v1", f"{role}-service-v2", f"{role}-worker")
        self.migration = f"{role}-migrate-canary"

    def canary(self, *arguments: str, path: Path | None = None) -> tuple[int, str]:
        """Exit status and output; ``path`` comes first on PATH."""
        with self.begun(*arguments, path=path) as running:
            output, _ = running.communicate(timeout=_ENDED_WITHIN_S)
        print(output, end="")
        return running.returncode, output

    @contextmanager
    def begun(self, *arguments: str, path: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
        """The command, running; killed if it still does so in the end."""
        command = cluster.in_network(self._lab, sys.executable, "-m", "deploy.canary", *arguments)
        environment = self._lab.environment()
        if path:
            environment["PATH"] = f"{path}:{environment['PATH']}"
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as running:
            try:
                yield running
            finally:
                running.kill()

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        return cluster.kubectl(self._lab, "-n", SHOP, *arguments, input=input)

    def read(self, kind: str, name: str) -> dict[str, Any]:
        return cluster.kubectl_json(self._lab, "-n", SHOP, "get", kind, name)

    @property
    def weight(self) -> int:
        return weight_of(self._role, self.read("virtualservice", f"{self._role}-versions"))

    def stand_at(self, weight: int) -> None:
        """As if the walk had come there."""
        self.merge("virtualservice", f"{self._role}-versions", {"spec": {"http": routes(self._role, weight)}})

    def merge(self, kind: str, name: str, change: dict[str, Any]) -> None:
        self.kubectl("patch", kind, name, "--type=merge", f"--patch={json.dumps(change)}")

    @property
    def minimum(self) -> tuple[int, bool]:
        """Of v1's autoscaler, and whether another one is noted."""
        found = self.read("hpa", self.names[0])
        return found["spec"]["minReplicas"], MINIMUM_BEFORE in found["metadata"].get("annotations", {})

    def change_v2(self, spec: dict[str, Any]) -> None:
        """Of the container app; with no customers on it meanwhile."""
        change = {"spec": {"template": {"spec": {"containers": [{"name": "app", **spec}]}}}}
        self.kubectl("patch", "deployment", V2, f"--patch={json.dumps(change)}")
        self.wait_for(V2)

    def leave_v2_without_pods(self) -> None:
        self.kubectl("scale", f"deployment/{V2}", "--replicas=0")
        wait_for(lambda: self.read("deployment", V2)["status"].get("readyReplicas", 0), lambda ready: ready == 0)

    def waits_of_v2(self) -> str:
        """What its containers wait for."""
        path = "--output=jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}"
        return self.kubectl("get", "pods", "--selector=app=product-service,version=v2", path)

    def wait_for(self, *names: str) -> None:
        cluster.wait_rolled_out(self._lab, SHOP, *(f"deployment/{name}" for name in names))

    def exists(self, name: str) -> bool:
        return bool(self.kubectl("get", "deployment", name, "--ignore-not-found", "--output=name"))

    def put(self, was: dict[str, Any]) -> None:
        """A Deployment as it was, but for v1's number of pods, which its autoscaler rules."""
        name, metadata = was["metadata"]["name"], was["metadata"]
        kept = {key: metadata[key] for key in ("name", "namespace", "labels", "annotations")}
        spec = was["spec"]
        if name == self.names[0]:
            spec |= {"replicas": self.read("deployment", name)["spec"]["replicas"]}
        text = json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": kept, "spec": spec})
        self.kubectl("replace" if self.exists(name) else "create", "--filename=-", input=text)

    def image_of(self, name: str) -> str:
        containers = self.read("deployment", name)["spec"]["template"]["spec"]["containers"]
        return next(str(one["image"]) for one in containers if one["name"] == "app")


@pytest.fixture(scope="module")
def page(shop: Shop) -> str:
    return f"/product/products/{shop.product()}"


@pytest.fixture
def slots(lab: Lab) -> Iterator[Slots]:
    with as_they_were(lab, Slots(lab)) as slots:
        yield slots


@pytest.fixture
def cart(lab: Lab) -> Iterator[Slots]:
    """Of a role that ships without a candidate."""
    with as_they_were(lab, Slots(lab, "cart")) as slots:
        yield slots


@contextmanager
def as_they_were(lab: Lab, slots: Slots) -> Iterator[Slots]:
    """Another release to be had; afterwards everything of the role is as it was."""
    weight, (minimum, _) = slots.weight, slots.minimum
    was = {name: slots.read("deployment", name) for name in slots.names if slots.exists(name)}
    cluster.ctr(lab, "images", "tag", "--force", cluster.full_name(PRESENT), cluster.full_name(NEXT))
    with ExitStack() as afterwards:  # from the last to the first, whatever becomes of any
        afterwards.callback(cluster.ctr, lab, "images", "remove", cluster.full_name(NEXT))
        afterwards.callback(slots.stand_at, weight)
        afterwards.callback(slots.wait_for, *was)
        for deployment in was.values():
            afterwards.callback(slots.put, deployment)
        for name in slots.names:
            if name not in was:
                afterwards.callback(slots.kubectl, "delete", "deployment", name, "--ignore-not-found")
        afterwards.callback(slots.merge, "hpa", slots.names[0], _least(minimum))
        afterwards.callback(slots.kubectl, "delete", "job", slots.migration, "--ignore-not-found")
        afterwards.callback(slots.stand_at, 0)
        yield slots


def _least(pods: int) -> dict[str, Any]:
    """A patch of an autoscaler that no promotion has anything to do with."""
    return {"metadata": {"annotations": {MINIMUM_BEFORE: None}}, "spec": {"minReplicas": pods}}


def test_v2_goes_up_step_by_step_and_its_figures_are_told(slots: Slots, shop: Shop, page: str) -> None:
    """From the ten per cent that product ships with, which nobody has judged; no customer sees an error.

    In the end half of the customers' answers are v2's.
    """
    with customers(shop, page) as seen:
        status, output = slots.canary("shift", "product", "50", *ALIKE)
    assert (status, slots.weight) == (0, 50), output
    lines = [line for line in output.splitlines() if line.startswith("product")]  # the audit may say what it repeats
    assert [line.split(":")[0] for line in lines] == ["product  10 %", "product  25 %", "product  50 %"]
    assert all("requests, 0 errors, p95" in line and line.endswith("passed") for line in lines)
    assert seen.failed == 0
    assert seen.of("v2") >= 3 * 100
    with customers(shop, page) as after:
        wait_for(lambda: after.asked, lambda answers: answers >= 1000)
    assert after.failed == 0
    assert within(after.of("v2"), of=after.asked, share=0.5), after


def test_another_release_gets_its_pods_before_its_weight(slots: Slots, shop: Shop, page: str) -> None:
    """Its migrations run, v2 is made of v1, and only then does anybody meet it."""
    slots.stand_at(0)
    slots.kubectl("delete", "deployment", V2)
    with customers(shop, page) as seen:
        status, output = slots.canary("shift", "product", "10", "--image", NEXT, *ALIKE)
    assert (status, slots.weight, slots.image_of(V2), slots.image_of(V1)) == (0, 10, NEXT, PRESENT), output
    assert (seen.failed, seen.of("v2") > 0) == (0, True)


def test_any_role_can_have_a_candidate(cart: Slots, shop: Shop) -> None:
    """Cart ships with none: its v2 is made of v1, answers a tenth, and leaves nothing behind."""

    def everything() -> list[Any]:
        names = [name for name in cart.names if cart.exists(name)]
        templates = [(name, cart.read("deployment", name)["spec"]["template"]) for name in names]
        return [cart.read("virtualservice", "cart-versions")["spec"], *templates]

    before = everything()
    with customers(shop, "/cart") as seen:
        status, output = cart.canary("shift", "cart", "10", "--image", NEXT, *ALIKE)
    assert (status, cart.weight, cart.image_of("cart-service-v2")) == (0, 10, NEXT), output
    assert (seen.failed, min(seen.of("v1"), seen.of("v2")) > 0) == (0, True)
    status, output = cart.canary("rollback", "cart")
    assert (status, cart.weight) == (0, 0), output
    cart.kubectl("delete", "deployment", "cart-service-v2")
    assert everything() == before
    with customers(shop, "/cart") as after:
        wait_for(lambda: after.of("v1"), lambda answers: answers > 100)
    assert after.failed == 0


def test_promotion_brings_v1_up_to_date_without_a_failed_request(slots: Slots, shop: Shop, page: str) -> None:
    slots.change_v2({"image": NEXT})
    slots.stand_at(100)
    with customers(shop, page) as seen:
        status, output = slots.canary("promote", "product")
        done_at_v1 = seen.of("v1")
        wait_for(lambda: seen.of("v1"), lambda answers: answers > done_at_v1 + 50)
    assert (status, slots.weight) == (0, 0), output
    assert [slots.image_of(name) for name in (V1, WORKER)] == [NEXT, NEXT]
    assert not slots.exists(V2)
    assert seen.failed == 0
    assert min(seen.of("v1"), seen.of("v2")) > 50


def test_a_promotion_that_was_killed_is_ended_by_another(slots: Slots, shop: Shop, page: str) -> None:
    """After v1 has got everything, before v2 has gone: the autoscaler gets its own minimum back all the same."""
    least, _ = slots.minimum
    slots.change_v2({"image": NEXT})
    slots.kubectl("scale", f"deployment/{V2}", f"--replicas={least + 1}")
    slots.wait_for(V2)
    slots.stand_at(100)
    with customers(shop, page) as seen:
        with slots.begun("promote", "product") as running:
            wait_for(lambda: slots.weight, lambda weight: weight == 0, within_s=300)
            running.kill()
        assert slots.exists(V2)
        assert slots.minimum > (least, True)
        status, output = slots.canary("promote", "product")
    assert (status, slots.weight, slots.minimum) == (0, 0, (least, False)), output
    assert [slots.image_of(name) for name in (V1, WORKER)] == [NEXT, NEXT]
    assert not slots.exists(V2)
    assert seen.failed == 0


def test_a_rollback_ends_a_promotion_and_v1_runs_what_it_ran(slots: Slots) -> None:
    slots.change_v2({"image": NEXT})
    slots.stand_at(100)
    with slots.begun("promote", "product") as running:
        wait_for(lambda: slots.image_of(V1), lambda image: image == NEXT, within_s=60)
        status, output = slots.canary("rollback", "product")
        said, _ = running.communicate(timeout=300)
    print(said)
    assert (status, running.returncode, slots.weight) == (0, 1, 0)
    assert "somebody has set product v2 from 100 % to 0 %; it stays so" in said
    assert f"{V1} runs {PRESENT} again" in output + said
    assert [slots.image_of(name) for name in (V1, WORKER)] == [PRESENT, PRESENT]
    assert not slots.minimum[1]


def test_another_weight_ends_a_promotion_too(slots: Slots) -> None:
    """Whoever has set it has no part in the promotion, which takes back by itself what it has released."""
    slots.change_v2({"image": NEXT})
    slots.stand_at(100)
    with slots.begun("promote", "product") as running:
        wait_for(lambda: slots.image_of(V1), lambda image: image == NEXT, within_s=60)
        slots.stand_at(50)
        said, _ = running.communicate(timeout=300)
    print(said)
    assert (running.returncode, slots.weight) == (1, 50)
    assert f"{V1} runs {PRESENT} again" in said
    assert [slots.image_of(name) for name in (V1, WORKER)] == [PRESENT, PRESENT]


@pytest.mark.parametrize("weight", [0, 50])
def test_v2_is_promoted_from_100_per_cent_only(slots: Slots, weight: int) -> None:
    """Also where both versions have the same image, as the shop ships: that is no promotion that was killed."""
    slots.stand_at(weight)
    status, output = slots.canary("promote", "product")
    assert (status, slots.weight, slots.exists(V2)) == (1, weight, True)
    assert f"stands at {weight} %" in output


def test_a_version_that_answers_500_is_taken_back_at_once(slots: Slots, shop: Shop, page: str) -> None:
    """Its statement timeout was meant in seconds and is read in milliseconds: it starts, is ready, and fails."""
    url = b64decode(slots.read("secret", "product-environment")["data"]["DATABASE_URL"]).decode()
    slots.stand_at(0)
    slots.change_v2({"env": [{"name": "DATABASE_URL", "value": f"{url}&options=-c%20statement_timeout%3D1"}]})
    with customers(shop, page) as seen:
        status, output = slots.canary("shift", "product", "50", "--step-s", "60", "--requests", "100")
    assert (status, slots.weight) == (1, 0), output
    assert "product stopped, v2 is back at 0 %: errors" in output
    assert seen.failed > 0
    assert slots.exists(V2)  # to be looked at
    with customers(shop, page) as after:
        wait_for(lambda: after.of("v1"), lambda answers: answers > 100)
    assert (after.failed, after.of("v2")) == (0, 0)


def test_a_version_that_never_answers_is_taken_back(slots: Slots, shop: Shop, page: str) -> None:
    """It listens where the mesh does not ask: it is ready, and what is sent to it is the sidecar's 503."""
    slots.stand_at(0)
    slots.change_v2({"env": [{"name": "PORT", "value": "8002"}]})
    with customers(shop, page) as seen:
        status, output = slots.canary("shift", "product", "10", *JUDGED)
    assert (status, slots.weight) == (1, 0), output
    assert "product stopped, v2 is back at 0 %: only 0 requests answered, v1 " in output
    assert (seen.failed > 0, seen.of("v2")) == (True, 0)


def test_a_version_that_is_slow_is_taken_back(slots: Slots, shop: Shop, page: str) -> None:
    """Somebody gave it a CPU limit, a tenth of a core: far beyond what equal versions differ by chance."""
    slots.stand_at(0)
    slots.change_v2({"resources": {"limits": {"cpu": "100m"}}})
    with customers(shop, page):
        status, output = slots.canary("shift", "product", "10", *JUDGED)
    assert (status, slots.weight) == (1, 0), output
    told = re.search(r"stopped, v2 is back at 0 %: p95 .*: ([0-9.]+) times, more than 1.2", output)
    assert told, output
    assert float(told[1]) > 2


def test_a_version_whose_pod_is_restarted_is_taken_back_at_once(slots: Slots, shop: Shop, page: str) -> None:
    """By the signal on which gunicorn leaves without an answer; told to end, it would take its time."""
    slots.stand_at(0)
    with customers(shop, page), slots.begun("shift", "product", "10", "--step-s", "120") as running:
        wait_for(lambda: slots.weight, lambda weight: weight == 10)
        slots.kubectl("exec", f"deployment/{V2}", "-c", "app", "--", "python3.11", "-c", "import os; os.kill(1, 3)")
        output, _ = running.communicate(timeout=60)
    print(output)
    assert (running.returncode, slots.weight) == (1, 0)
    assert re.search("stopped, v2 is back at 0 %: (pod product-service-v2-|no pod is ready)", output), output


def test_an_image_that_is_not_there_gets_no_weight(slots: Slots) -> None:
    slots.stand_at(0)
    status, output = slots.canary("shift", "product", "10", "--image", MISSING)
    assert (status, slots.weight, slots.image_of(V2)) == (1, 0, PRESENT)
    assert MISSING in output
    assert len(output.splitlines()) == 1


def test_a_candidate_that_will_never_start_can_be_replaced(slots: Slots) -> None:
    """Its pod stays until the next one is ready, and says nothing of that."""
    slots.stand_at(0)
    slots.leave_v2_without_pods()
    slots.kubectl("set", "image", f"deployment/{V2}", f"app={MISSING}")
    slots.kubectl("scale", f"deployment/{V2}", "--replicas=1")
    wait_for(slots.waits_of_v2, lambda reasons: "ImagePullBackOff" in reasons, within_s=120)
    status, output = slots.canary("shift", "product", "10", "--image", NEXT, "--step-s", "1", "--wait-s", "2")
    assert (status, slots.weight, slots.image_of(V2)) == (2, 10, NEXT), output


def test_no_weight_without_a_ready_pod(slots: Slots) -> None:
    slots.stand_at(0)
    slots.leave_v2_without_pods()
    status, output = slots.canary("shift", "product", "10")
    assert (status, slots.weight) == (1, 0)
    assert output.startswith("product v2 has no ready pod")


def test_traffic_that_is_too_thin_leaves_the_weight_where_it_is(slots: Slots) -> None:
    status, output = slots.canary("shift", "product", "25", "--step-s", "1", "--wait-s", "2")
    assert (status, slots.weight) == (2, 10)
    assert output.startswith("product v2 stays at 10 %, too few requests: 0 requests in ")


def test_an_interrupt_leaves_the_weight_and_says_which_it_is(slots: Slots) -> None:
    slots.stand_at(0)
    with slots.begun("shift", "product", "50") as running:
        wait_for(lambda: slots.weight, lambda weight: weight == 10)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=30)
    assert (running.returncode, slots.weight, output) == (130, 10, "interrupted: product v2 stays at 10 %\n")


def test_a_rollback_elsewhere_ends_the_walk(slots: Slots) -> None:
    slots.stand_at(0)
    with slots.begun("shift", "product", "50") as running:
        wait_for(lambda: slots.weight, lambda weight: weight == 10)
        status, output = slots.canary("rollback", "product")
        assert (status, slots.weight) == (0, 0)
        assert output.startswith("product rolled back from 10 %: v1 answers everything")
        said, _ = running.communicate(timeout=60)
    assert (running.returncode, slots.weight) == (1, 0)
    assert said == "somebody has set product v2 from 10 % to 0 %; it stays so\n"
    assert slots.exists(V2)


def test_mending_a_fault_leaves_the_weight_as_it_was(lab: Lab, slots: Slots) -> None:
    """Whether the fault left it alone or replaced it, even twice."""
    slots.stand_at(50)
    with fault(lab, "abort-payment"):
        assert slots.weight == 50
    assert slots.weight == 50
    with fault(lab, "slow-version"), fault(lab, "slow-version"):
        pass
    assert slots.weight == 50


def test_a_fault_of_a_version_without_pods_is_refused(lab: Lab, slots: Slots) -> None:
    """Customers would not find it slow, as it is meant, but away."""
    slots.stand_at(0)
    slots.leave_v2_without_pods()
    before = slots.read("virtualservice", VERSIONS)["spec"]
    assert commanded(lab, "slow-version") == (1, "product has no ready pod of v2\n")
    assert slots.read("virtualservice", VERSIONS)["spec"] == before


_INTRUDER = """#!/bin/sh
# kubectl, but just before the first replace somebody else writes into the same object.
case " $* " in *" replace "*)
  mkdir "$0.once" 2>/dev/null && {kubectl} -n {namespace} annotate virtualservice {name} test=other ;;
esac
exec {kubectl} "$@"
"""


def test_a_weight_is_not_written_over_what_somebody_else_has_just_written(
    lab: Lab, slots: Slots, tmp_path: Path
) -> None:
    """The write that was made of a stale reading is refused by the API server, and made again of a new one."""
    intruder = tmp_path / "kubectl"
    intruder.write_text(_INTRUDER.format(kubectl=lab.binaries / "kubectl", namespace=SHOP, name=VERSIONS))
    intruder.chmod(0o755)
    status, output = slots.canary("rollback", "product", path=tmp_path)
    annotations = slots.read("virtualservice", VERSIONS)["metadata"].get("annotations", {})
    slots.kubectl("annotate", "virtualservice", VERSIONS, "test-")
    assert (status, slots.weight, annotations.get("test")) == (0, 0, "other"), output
