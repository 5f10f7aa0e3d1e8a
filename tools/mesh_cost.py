"""``make mesh-cost``: what one hop through the mesh costs, beside the same hop without it.

The same toy asks the same toy: without sidecars, with them as the shop has them, and with one setting changed at a
time. Rounds are interleaved, so that a busy machine is busy for all. Needs a running lab; leaves nothing in it.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.lab import cluster, processes, status
from deploy.lab.lab import Lab, LabError
from tests.cluster import toys
from tools import processor_time

ROUNDS = 10
ALONE, TOGETHER = 300, 600  # requests a round, one at a time and eight at a time
_EIGHT = 8
_SCOPED = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "default"},
    "spec": {"egress": [{"hosts": ["./*"]}]},
}
_QUIET = {
    "apiVersion": "telemetry.istio.io/v1",
    "kind": "Telemetry",
    "metadata": {"name": "default"},
    "spec": {"accessLogging": [{"disabled": True}]},
}

Object = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """A namespace with a client and a server; ``objects`` are what is set in it."""

    name: str
    title: str
    meshed: bool = True
    objects: tuple[Object, ...] = (_SCOPED,)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return f"cost-{self.name}"


VARIANTS = (
    Variant("plain", "no sidecars", meshed=False, objects=()),
    Variant("mesh", "as in the lab: one thread, access log, own namespace only"),
    Variant("quiet", "no access log", objects=(_SCOPED, _QUIET)),
    Variant("threads", "two threads", annotations={"proxy.istio.io/config": "{concurrency: 2}"}),
    Variant("unscoped", "knows every service of the cluster", objects=()),
    Variant("counting", "all of Envoy's statistics", annotations={"sidecar.istio.io/statsInclusionRegexps": ".*"}),
)


@dataclass
class Figures:
    """Of one variant, a sample a round: seconds of each request alone, requests a second, CPU seconds a request."""

    alone: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def main() -> int:
    """Print the table; exit status 1 with one line where there is no lab."""
    lab = Lab.chosen()
    try:
        toys.bring_image(lab)
        for variant in VARIANTS:
            _start(lab, variant)
        try:
            for variant in VARIANTS:
                _wait(lab, variant)
            _print(lab, _measured(lab))
        finally:
            names = [variant.namespace for variant in VARIANTS]
            cluster.kubectl(lab, "delete", "namespace", *names, "--ignore-not-found", "--wait=false")
    except LabError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _start(lab: Lab, variant: Variant) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    if variant.meshed:
        labels["istio-injection"] = "enabled"
    cluster.apply(
        lab, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": variant.namespace, "labels": labels}}
    )
    cluster.apply(lab, *_objects(variant))


def _objects(variant: Variant) -> Iterator[Object]:
    for made in variant.objects:
        yield {**made, "metadata": {**made["metadata"], "namespace": variant.namespace}}
    for name in ("client", "server"):
        metadata = {"name": name, "namespace": variant.namespace}
        annotations = {"traffic.sidecar.istio.io/excludeInboundPorts": "8001", **variant.annotations}
        template = {
            "metadata": {"labels": {"app": name, "version": "v1"}, "annotations": annotations},
            "spec": toys.pod_spec(name, management=True),
        }
        yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8000}]},
        }
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
        }


def _wait(lab: Lab, variant: Variant) -> None:
    cluster.wait_rolled_out(lab, variant.namespace, "deployment/client", "deployment/server")


def _measured(lab: Lab) -> dict[str, Figures]:
    found = {variant.name: Figures() for variant in VARIANTS}
    clients = {variant.name: _pod(lab, variant, "client")["status"]["podIP"] for variant in VARIANTS}
    proxies = {variant.name: _proxies(lab, variant) for variant in VARIANTS}
    for variant in VARIANTS:
        _send(lab, clients[variant.name], ALONE, 1)
    for number in range(ROUNDS):
        for variant in VARIANTS if number % 2 else reversed(VARIANTS):
            _round(lab, clients[variant.name], proxies[variant.name], found[variant.name])
    return found


def _round(lab: Lab, client: str, proxies: list[int], figures: Figures) -> None:
    before = processor_time.of(proxies)
    _, alone = _send(lab, client, ALONE, 1)
    took, together = _send(lab, client, TOGETHER, _EIGHT)
    figures.cpu.append((processor_time.of(proxies) - before) / (ALONE + TOGETHER))
    figures.alone += alone
    figures.p50.append(statistics.median(alone))
    figures.together += together
    figures.rates.append(TOGETHER / took)


_ASK = """
import json, sys, time, http.client
connection = http.client.HTTPConnection(sys.argv[1], 8001, timeout=120)
began = time.monotonic()
connection.request("POST", "/send", sys.argv[2])
answers = json.loads(connection.getresponse().read())
print(json.dumps([time.monotonic() - began, [(one["status"], one["seconds"]) for one in answers]]))
"""


def _send(lab: Lab, client: str, requests: int, concurrency: int) -> tuple[float, list[float]]:
    """Seconds of all and of each of the requests that the client sends to its server. Raises LabError if one failed."""
    order = {"requests": [{"url": "http://server:8000/x"}], "n": requests, "concurrency": concurrency}
    took, answers = json.loads(cluster.output(lab, sys.executable, "-c", _ASK, client, json.dumps(order)))
    if refused := [code for code, _ in answers if code != 200]:
        raise LabError(f"A request was answered {refused[0]}.")
    return took, [seconds for _, seconds in answers]


def _pod(lab: Lab, variant: Variant, app: str) -> Object:
    found = cluster.kubectl_json(lab, "-n", variant.namespace, "get", "pods", f"--selector=app={app}")
    pod: Object = found["items"][0]
    return pod


def _proxies(lab: Lab, variant: Variant) -> list[int]:
    """Pids of what the mesh adds to both pods: Envoy and its agent."""
    uids = [_pod(lab, variant, app)["metadata"]["uid"] for app in ("client", "server")]
    return [pid for pid in processes.inside(processes.running(lab)) if _is_proxy(pid, uids)]


def _is_proxy(pid: int, uids: list[str]) -> bool:
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        return name in {"envoy", "pilot-agent"} and any(uid in groups for uid in uids)
    return False


def _memory(pids: list[int]) -> float:
    """MB (PSS) of them all."""
    return sum(status.proportional_kib(Path(f"/proc/{pid}")) for pid in pids) / 1024


def _print(lab: Lab, found: dict[str, Figures]) -> None:
    print(f"{ROUNDS} interleaved rounds of {ALONE} requests one at a time and {TOGETHER} eight at a time")
    head = ("ms alone p50 (rounds)", "p90", "p99", "eight: p50", "p90", "p99", "req/s (rounds)", "of plain")
    print("| | " + " | ".join([*head, "CPU ms a request, both sidecars", "MB a sidecar"]) + " |")
    print("|---" * (len(head) + 3) + "|")
    base = statistics.median(found["plain"].rates)
    for variant in VARIANTS:
        figures, pids = found[variant.name], _proxies(lab, variant)
        rate = statistics.median(figures.rates)
        cells = [
            f"{_spread([each * 1000 for each in figures.p50], 2)}",
            *(f"{_quantile(figures.alone, share) * 1000:.2f}" for share in (0.9, 0.99)),
            *(f"{_quantile(figures.together, share) * 1000:.2f}" for share in (0.5, 0.9, 0.99)),
            _spread(figures.rates, 0),
            f"{rate / base:.2f}",
            _spread([each * 1000 for each in figures.cpu], 2) if variant.meshed else "",
            f"{_memory(pids) / 2:.0f}" if variant.meshed else "",
        ]
        print(f"| {variant.title} | {' | '.join(cells)} |")


def _spread(samples: list[float], digits: int) -> str:
    """Median, least and most."""
    return f"{statistics.median(samples):.{digits}f} ({min(samples):.{digits}f}-{max(samples):.{digits}f})"


def _quantile(samples: list[float], share: float) -> float:
    return sorted(samples)[min(int(len(samples) * share), len(samples) - 1)]


if __name__ == "__main__":
    sys.exit(main())
