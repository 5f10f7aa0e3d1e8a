"""What is made from the live objects of any role."""

from copy import deepcopy
from typing import Any

import pytest

from deploy.canary import slots
from deploy.release import version
from shop.roles import ROLES
from tests.deploy.conftest import Resource, of_kind, pod_of

IMAGE = "yours.azurecr.io/shop:0.2.0"


def _live(resources: list[Resource], kind: str, name: str) -> Resource:
    """As the API server shows it: with what it and controllers wrote."""
    found = deepcopy(next(one for one in of_kind(resources, kind) if one["metadata"]["name"] == name))
    found["metadata"] |= {"uid": "1", "resourceVersion": "2", "annotations": {"deployment.kubernetes.io/revision": "3"}}
    found["status"] = {"readyReplicas": 6}
    found["spec"]["replicas"] = 6
    if kind == "Job":
        labels = {"batch.kubernetes.io/controller-uid": "1", "controller-uid": "1", "job-name": name}
        found["spec"] |= {"selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "1"}}}
        found["spec"]["template"]["metadata"]["labels"] |= labels
    return found


@pytest.mark.parametrize("role", ROLES)
def test_v2_is_v1_but_for_its_slot_and_image(local: list[Resource], role: str) -> None:
    v1 = _live(local, "Deployment", f"{role}-service-v1")
    v2 = slots.candidate(v1, IMAGE)
    assert v2["metadata"]["name"] == f"{role}-service-v2"
    assert set(v2) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(v2["metadata"]) == {"name", "namespace", "labels"}
    for labels in (v2["metadata"]["labels"], v2["spec"]["template"]["metadata"]["labels"]):
        assert (labels["app"], labels["version"]) == (f"{role}-service", "v2")
    assert v2["spec"]["selector"]["matchLabels"] == {"app": f"{role}-service", "version": "v2"}
    assert v2["spec"]["replicas"] == 1
    assert [one["image"] for one in (*pod_of(v2)["initContainers"], *pod_of(v2)["containers"])] == [IMAGE] * 2
    assert _without_images(pod_of(v2)) == _without_images(pod_of(v1))
    assert v2["spec"]["template"]["metadata"]["labels"][slots.RELEASE] == "0.2.0"


def _without_images(pod: Resource) -> Resource:
    pod = deepcopy(pod)
    for container in (*pod["initContainers"], *pod["containers"]):
        del container["image"]
    return pod


def test_a_container_of_another_image_keeps_it(local: list[Resource]) -> None:
    """As a sidecar that somebody has put in by hand."""
    v1 = _live(local, "Deployment", "order-service-v1")
    pod_of(v1)["containers"].append({"name": "other", "image": "other:1"})
    assert [one["image"] for one in pod_of(slots.candidate(v1, IMAGE))["containers"]] == [IMAGE, "other:1"]


def test_making_v2_does_not_change_v1(local: list[Resource]) -> None:
    v1 = _live(local, "Deployment", "cart-service-v1")
    before = deepcopy(v1)
    slots.candidate(v1, IMAGE)
    assert v1 == before


@pytest.mark.parametrize("role", ROLES)
def test_migrations_of_a_release_are_the_roles_own_with_its_image(local: list[Resource], role: str) -> None:
    """Nothing of the controller's is left, which the API server would refuse."""
    live = _live(local, "Job", f"{role}-migrate-{version().replace('.', '-')}")
    made = slots.migration(live, IMAGE, f"{role}-migrate-canary")
    assert made["metadata"]["name"] == f"{role}-migrate-canary"
    assert set(made["spec"]) == {"backoffLimit", "template"}
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["role"] == role
    assert labels["sidecar.istio.io/inject"] == "false"
    assert [label for label in labels if "controller-uid" in label or "job-name" in label] == []
    (container,) = pod_of(made)["containers"]
    assert (container["image"], container["args"]) == (IMAGE, ["migrate"])


def test_promotion_changes_image_and_release_of_what_runs_it(local: list[Resource]) -> None:
    v1 = _live(local, "Deployment", "order-service-v1")
    pod_of(v1)["containers"].append({"name": "other", "image": "other:1"})
    patch = slots.promoted(v1, IMAGE)["spec"]["template"]
    assert patch["metadata"]["labels"] == {slots.RELEASE: "0.2.0"}
    assert patch["spec"] == {
        "initContainers": [{"name": "wait", "image": IMAGE}],
        "containers": [{"name": "app", "image": IMAGE}],
    }


def test_a_promotion_can_be_begun_twice_and_taken_back(local: list[Resource]) -> None:
    """The image before it is noted by the first, not by the next, which finds the new one."""
    v1 = _live(local, "Deployment", "order-service-v1")
    old = slots.image_of(v1)
    assert slots.before(v1, IMAGE) == ""
    for _ in range(2):
        v1 = _merged(v1, slots.promoted(v1, IMAGE))
        assert (slots.image_of(v1), slots.before(v1, IMAGE)) == (IMAGE, old)
    v1 = _merged(v1, slots.put_back(v1, old))
    assert (slots.image_of(v1), slots.before(v1, IMAGE)) == (old, "")


def test_what_somebody_has_released_meanwhile_is_not_taken_back(local: list[Resource]) -> None:
    v1 = _live(local, "Deployment", "order-service-v1")
    v1 = _merged(v1, slots.promoted(v1, IMAGE))
    pod_of(v1)["containers"][0]["image"] = "shop:0.3.0"
    assert slots.before(v1, IMAGE) == ""


def test_an_autoscalers_minimum_comes_back_however_often_it_was_raised(local: list[Resource]) -> None:
    autoscaler = _live(local, "HorizontalPodAutoscaler", "order-service-v1")
    least = autoscaler["spec"]["minReplicas"]
    for pods in (least + 2, least + 1):
        autoscaler = _merged(autoscaler, slots.raised(autoscaler, pods))
        assert autoscaler["spec"]["minReplicas"] == pods
    assert _merged(autoscaler, slots.raised(autoscaler, 0))["spec"]["minReplicas"] == least
    autoscaler = _merged(autoscaler, slots.lowered(autoscaler))
    assert autoscaler["spec"]["minReplicas"] == least
    assert slots.MINIMUM_BEFORE not in autoscaler["metadata"]["annotations"]


def _merged(live: Any, patch: Any) -> Any:
    """A strategic merge: null removes, and containers are merged by their names."""
    if isinstance(patch, list):
        changes = {each["name"]: each for each in patch}
        return [_merged(each, changes.get(each["name"], {})) for each in live]
    if not isinstance(patch, dict):
        return patch
    changed = {key: _merged(live.get(key, {}), value) for key, value in patch.items() if value is not None}
    return {key: value for key, value in (live | changed).items() if key not in patch or patch[key] is not None}


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("shop:0.2.0", "0.2.0"),
        ("localhost:5000/shop:0.2.0", "0.2.0"),
        ("localhost:5000/shop", "latest"),
        ("acr.io/shop:1.0-rc.1", "1.0-rc.1"),
        (f"acr.io/shop@sha256:{'ab' * 32}", f"sha256-{'ab' * 28}"),
    ],
)
def test_the_release_label_is_one_that_kubernetes_takes(image: str, release: str) -> None:
    assert slots.release_of(image) == release
