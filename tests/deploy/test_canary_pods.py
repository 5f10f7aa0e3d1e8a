"""Which pods stop a canary, and when."""

from typing import Any

import pytest

from deploy.canary.pods import Health, Pod


def _pod(name: str = "a", *, ready: bool = True, restarts: int = 0, waiting: str = "") -> Pod:
    """As the API server tells of it, with a native sidecar and an init container that was tried twice."""
    state: dict[str, Any] = {"waiting": {"reason": waiting, "message": "as told"}} if waiting else {"running": {}}
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "initContainerStatuses": [{"name": "wait", "restartCount": 1, "state": {"terminated": {}}}],
        "containerStatuses": [{"name": "app", "restartCount": restarts, "state": state}],
    }
    return Pod.of({"metadata": {"name": name, "labels": {"version": "v2"}}, "status": status})


def test_pods_that_stay_ready_are_well() -> None:
    health = Health()
    for _ in range(3):
        assert health.failure([_pod("a"), _pod("b", restarts=2)]) == ""
    assert health.failure([_pod("a"), _pod("b", restarts=2)], at_end=True) == ""


def test_a_restart_stops_at_once() -> None:
    health = Health()
    health.failure([_pod()])
    assert health.failure([_pod(restarts=1)]) == "pod a was restarted"


def test_a_pod_that_is_no_longer_ready_stops_at_once() -> None:
    health = Health()
    health.failure([_pod("a"), _pod("b")])
    assert health.failure([_pod("a"), _pod("b", ready=False)]) == "pod b is not ready"


def test_a_pod_that_only_just_starts_has_until_the_end() -> None:
    """Of a node that is drained, for one."""
    health = Health()
    assert health.failure([_pod("a"), _pod("new", ready=False)]) == ""
    assert health.failure([_pod("a"), _pod("new", ready=False)], at_end=True) == "pod new is not ready"


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CrashLoopBackOff", "InvalidImageName"])
def test_a_pod_that_will_never_start_stops_at_once(reason: str) -> None:
    found = [_pod("a"), _pod("new", ready=False, waiting=reason)]
    assert Health().failure(found) == f"pod new is not ready, {reason}: as told"


def test_pods_that_all_go_stop_at_once() -> None:
    health = Health()
    health.failure([_pod()])
    assert health.failure([]) == "no pod is ready"
