"""Pods of both versions as the API server tells of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.kubectl import listed

V1, V2 = "v1", "v2"
# A pod that waits for these waits for ever. ErrImagePull is not among them: the kubelet tries once more.
_HOPELESS = {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
_HOPELESS |= {"CrashLoopBackOff"}


@dataclass(frozen=True, slots=True)
class Pod:
    """One that is not being ended; ``hopeless`` says what it waits for in vain."""

    name: str
    version: str
    is_ready: bool
    is_running: bool
    restarts: int
    hopeless: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Pod":
        status = found["status"]
        containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        waiting = [each["state"].get("waiting", {}) for each in containers]
        return cls(
            name=found["metadata"]["name"],
            version=found["metadata"]["labels"].get("version", ""),
            is_ready=any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ())),
            is_running=any(each["name"] == "app" and "running" in each["state"] for each in containers),
            restarts=sum(each["restartCount"] for each in containers),
            hopeless=next(
                (f"{each['reason']}: {each.get('message', '')}" for each in waiting if each.get("reason") in _HOPELESS),
                "",
            ),
        )


def of_version(role: str, *versions: str) -> list[Pod]:
    """Those of a role that are to stay. Raises Refused."""
    return selected(f"app={role}-service,version in ({','.join(versions)})")


def any_ready(role: str, version: str) -> bool:
    """Whether weight may be where that version is: without a ready pod it is 503s. Raises Refused."""
    return any(pod.is_ready for pod in of_version(role, version))


def selected(selector: str) -> list[Pod]:
    """Those that are to stay. Raises Refused."""
    found = listed("pods", f"--selector={selector}")
    return [Pod.of(pod) for pod in found if "deletionTimestamp" not in pod["metadata"]]


@dataclass
class Health:
    """What was seen of v2's pods in one walk, from before its first weight."""

    _restarts: dict[str, int] = field(default_factory=dict)  # when the pod was first seen ready

    def failure(self, pods: list[Pod], *, at_end: bool = False) -> str:
        """What is wrong with them now; empty when nothing is. A pod that only just starts may, until the step's end."""
        for pod in pods:
            if pod.is_ready:
                self._restarts.setdefault(pod.name, pod.restarts)
            was_ready = pod.name in self._restarts
            if was_ready and pod.restarts > self._restarts[pod.name]:
                return f"pod {pod.name} was restarted"
            if not pod.is_ready and (was_ready or at_end or pod.hopeless):
                return f"pod {pod.name} is not ready{f', {pod.hopeless}' if pod.hopeless else ''}"
        return "" if any(pod.is_ready for pod in pods) else "no pod is ready"
