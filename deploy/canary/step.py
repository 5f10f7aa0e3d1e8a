"""One step: watch both versions at one weight until it can be judged.

Figures come from each pod's own management port, by ``kubectl exec`` of a program in the container ``app``: that goes
through the kubelet, so neither NetworkPolicy nor STRICT mTLS is in its way, on any cluster. The API server's proxy
would connect to the pod's address from the control plane, which on AKS is no node and which the policies keep out.
"""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy import audit
from deploy.canary import counted, pods, rule, weights
from deploy.canary.counted import Counts, Meanwhile
from deploy.canary.pods import V1, V2, Health, Pod
from deploy.canary.rule import Figures
from deploy.kubectl import Refused, kubectl

_POLL_S = 5.0  # an exec costs the pod a tenth of a second of CPU
_EXEC_S = 15.0  # one into a container that is just dying may never end
_FAILED_LOOKS = 5  # in a row, before an API server that does not answer ends the step
_EXECS = 4  # at once
_SPREAD_S = 30.0  # then every proxy has known the weight for most of the time, and v2's first answers are counted
_READ = f"""
import http.client
connection = http.client.HTTPConnection("127.0.0.1", 8001, timeout=10)
connection.request("GET", "/metrics")
names = ("{counted.ANSWERS}{{", "{counted.SECONDS}{{")
lines = connection.getresponse().read().decode().splitlines(keepends=True)
print("".join(line for line in lines if line.startswith(names)))
"""


class Stopped(Exception):
    """v2 is worse, or not well: the figure that says so."""


class TooThin(Exception):
    """Too few requests to judge by, in the time there was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one step: at least so long with so many requests of v2, and no longer than ``wait_s``.

    ``p95``: how many times v1's v2's may be.
    """

    step_s: float
    requests: int
    wait_s: float
    p95: float


def require_well(role: str, health: Health) -> None:
    """Look at v2's pods. Raises Stopped, Refused."""
    _stop_if(health.failure(pods.of_version(role, V2)))


def judged(role: str, weight: int, limits: Limits, baseline: Counts | None, health: Health) -> tuple[str, Counts]:
    """Watch a step and judge it; its figures in a line, and v1's counts, which ``baseline`` are of an earlier step.

    ``health`` is of the whole walk. Raises Stopped, TooThin, weights.Changed, Refused.
    """
    began = time.monotonic()
    watched = _Watched(role, weight, None if rule.is_comparable(weight) else baseline, health)
    while (took_s := time.monotonic() - began) < limits.step_s or watched.enough() < limits.requests:
        if took_s >= limits.wait_s:
            raise TooThin(
                f"{watched.enough()} requests in {took_s:.0f} s for what both versions have answered, "
                f"of {limits.requests} to judge by"
            )
        time.sleep(min(_POLL_S, limits.step_s / 5))
        watched.look()
        _stop_if(rule.gross_failure(*watched.figures()))
        if took_s >= min(_SPREAD_S, limits.step_s):
            _stop_if(watched.silence())
    v1, v2 = watched.figures()
    _stop_if(rule.failure(v1, v2, limits.p95) or watched.silence())
    while not watched.look(at_end=True):
        time.sleep(_POLL_S)
    if status := _audited():
        raise Stopped(f"the audit is not clean: exit status {status}")
    return f"v2 {v2}; v1 {v1}; {took_s:.0f} s", watched.v1


def metrics_if_any(pod: Pod) -> Counts | None:
    """What its customers' requests have counted until now; None if it cannot be read, as one that is just going."""
    program = ("python3.11", "-I", "-S", "-c", _READ)
    try:
        return counted.parse(kubectl("exec", pod.name, "--container=app", "--", *program, within_s=_EXEC_S))
    except Refused:
        return None


def _audited() -> int:
    """The audit's exit status, of a second one if the first was incomplete: some role did not answer in time."""
    return audit.main() if (status := audit.main()) == audit.INCOMPLETE else status


def _stop_if(failure: str) -> None:
    if failure:
        raise Stopped(failure)


class _Watched:
    """Counters of both versions since the step began; the health of v2's pods since the walk did."""

    def __init__(self, role: str, weight: int, baseline: Counts | None, health: Health) -> None:
        self._role, self._weight, self._baseline, self._health = role, weight, baseline, health
        self._failed = 0
        self._is_short = False  # a pod of v2 could not be read in the last look; _began_short: in the first
        found = pods.of_version(role, V1, V2)
        self._meanwhile = {
            version: Meanwhile(pod.name for pod in found if pod.version == version) for version in (V1, V2)
        }
        if not self._read(pod for pod in found if pod.is_running):
            raise Refused(f"no pod of {role} could be asked for its metrics, by kubectl exec")
        self._began_short = self._is_short

    @property
    def v1(self) -> Counts:
        """Of its customers in this step, or in that which stands for it."""
        return self._meanwhile[V1].grown if self._baseline is None else self._baseline

    def figures(self) -> tuple[Figures, Figures]:
        return counted.compared(self.v1, self._meanwhile[V2].grown)

    def enough(self) -> int:
        """Requests to judge by: v2's, or v1's if these are fewer and of this step."""
        v1, v2 = self.figures()
        return v2.timed if self._baseline is not None else min(v1.timed, v2.timed)

    def silence(self) -> str:
        """What v2 lacks of its share in this step; nothing while the count of any of its pods comes short."""
        if self._began_short or self._is_short:
            return ""
        _, v2 = self.figures()
        return rule.silence(counted.served(self._meanwhile[V1].grown), v2.requests, self._weight)

    def look(self, *, at_end: bool = False) -> bool:
        """Read every pod; False if kubectl failed. Raises Stopped, Changed; Refused if it failed too often in a row."""
        try:
            weights.require(self._role, self._weight)
            found = pods.of_version(self._role, V1, V2)
            self._failed = 0
        except Refused:
            self._failed += 1
            if self._failed >= _FAILED_LOOKS:
                raise
            return False
        _stop_if(self._health.failure([pod for pod in found if pod.version == V2], at_end=at_end))
        self._read(pod for pod in found if pod.is_running)
        return True

    def _read(self, found: Iterable[Pod]) -> int:
        """Count on; how many pods could be read."""
        running = list(found)
        with ThreadPoolExecutor(_EXECS) as pool:
            counts = list(pool.map(metrics_if_any, running))
        for pod, read in zip(running, counts, strict=True):
            if read is not None:
                self._meanwhile[pod.version].read(pod.name, read)
        missed = [pod for pod, read in zip(running, counts, strict=True) if read is None]
        self._is_short = any(pod.version == V2 for pod in missed)
        return len(running) - len(missed)
