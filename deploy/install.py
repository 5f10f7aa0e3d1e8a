"""``python -m deploy.install``: the shop on the lab's cluster: images, Secrets, manifests, routes.

Waits until all of it is ready. ``--short-limits`` are the time limits of the black-box suite; with
``--unless-there`` nothing is done where the shop has them.
Safe to repeat: with other code it makes the images anew and rolls every role over to them.
"""

import sys
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from deploy import local
from deploy.image import __main__ as image
from deploy.image.cache import OUT
from deploy.image.engines import TARGETS, Failed, digest
from deploy.lab import cluster
from deploy.lab.istio import GATEWAYS, INGRESS
from deploy.lab.lab import Lab, LabError
from deploy.lab.progress import Progress
from deploy.release import ROOT, version

_READY_WITHIN_S = 600  # two cores start twenty-five Django processes, one after the other
_STOCKED_WITHIN_S = 300
_NAMESPACES = (local.DATA, local.SHOP)
_MANIFESTS = ROOT / "deploy/kubernetes"
_SUITE = "suite"  # the overlay with the black-box suite's time limits
_WORKLOADS = "deployment,statefulset"
_ONCE = "app.kubernetes.io/component in (migrate, bootstrap, demo)"  # Jobs, which cannot be changed


def install(lab: Lab, *, short: bool = False) -> None:
    """Bring the shop of this checkout to ``lab``, ``short``: with the suite's limits. Raises LabError, Failed."""
    progress = Progress()
    with progress.step("building the images"):
        image.build()
    digests = {target: digest(OUT / f"{target}.tar") for target in TARGETS}
    changed = [target for target in TARGETS if not _says(_imported(lab, target), digests[target])]
    overlay, applied = _SUITE if short else "local", _applied(lab)
    if changed or not _says(applied, overlay):
        applied.unlink(missing_ok=True)
    with progress.step("importing the images"):
        for target in changed:
            cluster.import_image(lab, OUT / f"{target}.tar", f"{target}:{version()}")
            _imported(lab, target).write_text(digests[target])
    with progress.step("applying the manifests"):
        _apply_namespaces(lab)
        before = _generations(lab)
        _apply(lab, overlay)
        if not applied.exists():
            after = _generations(lab)
            _roll_over(lab, [workload for workload in before if before[workload] == after.get(workload)])
            applied.write_text(overlay)
    with progress.step("waiting for every pod"):
        _wait_for_pods(lab)
    with progress.step("applying the routes"):  # after the pods: weight without pods is 503
        cluster.apply_folder(lab, ROOT / "deploy/istio/lab")
    with progress.step("waiting for stock and three orders"):
        _wait_for_jobs(lab)
    progress.say("the shop is ready: make cluster-see")


def short_limits(lab: Lab) -> bool:
    """Whether the shop in ``lab`` has the suite's settings."""
    return _says(_applied(lab), _SUITE)


def _apply_namespaces(lab: Lab) -> None:
    for file in ("namespaces/shop.yaml", "data/namespace.yaml"):
        cluster.apply(lab, _MANIFESTS / file)


def _applied(lab: Lab) -> Path:
    """The overlay whose settings, with these very images, every pod has or was told to start anew with.

    Not there while that is not so: a pod reads its settings once, and what was broken off may have told some.
    """
    return lab.folder / "applied"


def _apply(lab: Lab, overlay: str) -> None:
    gateways = [cluster.service_address(lab, f"{INGRESS}/{name}", 443)[0] for name in GATEWAYS]
    cluster.apply(lab, local.written(hosts=gateways))
    for namespace in _NAMESPACES:
        cluster.kubectl(lab, "-n", namespace, "delete", "jobs", "--selector", _ONCE, "--ignore-not-found")
    cluster.apply_folder(lab, _MANIFESTS / "overlays" / overlay)


def _generations(lab: Lab) -> dict[tuple[str, str], int]:
    """Of each workload's manifest; one that Kubernetes rolls over by itself, since it was changed, has another."""
    found: dict[tuple[str, str], int] = {}
    for namespace in _NAMESPACES:
        for item in cluster.kubectl_json(lab, "-n", namespace, "get", _WORKLOADS)["items"]:
            name = f"{item['kind'].lower()}/{item['metadata']['name']}"
            found[namespace, name] = item["metadata"]["generation"]
    return found


def _roll_over(lab: Lab, running: Sequence[tuple[str, str]]) -> None:
    """What runs has the image and the settings of before: the tag is the version, which other code may share.

    One role after the other. All at once would be twice the pods: for two cores a storm, and more sidecars than
    may watch their files (Linux lets a user have 128 inotify instances; a sidecar takes three).
    """
    for (namespace, _), workloads in groupby(running, key=_owner):
        names = [workload for _, workload in workloads]
        cluster.kubectl(lab, "-n", namespace, "rollout", "restart", *names)
        cluster.wait_rolled_out(lab, namespace, *names, within_s=_READY_WITHIN_S)


def _owner(running: tuple[str, str]) -> tuple[str, str]:
    """Namespace, and role or server, of ``deployment/cart-worker``."""
    namespace, workload = running
    return namespace, workload.rpartition("/")[2].partition("-")[0]


def _wait_for_pods(lab: Lab) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    for namespace, workload in _generations(lab):
        cluster.wait_rolled_out(lab, namespace, workload, within_s=max(int(end - time.monotonic()), 1))


def _wait_for_jobs(lab: Lab) -> None:
    wait = ("wait", "--for=condition=complete", f"--timeout={_STOCKED_WITHIN_S}s", "jobs", "--selector", _ONCE)
    cluster.kubectl(lab, "-n", local.SHOP, *wait)


def _imported(lab: Lab, target: str) -> Path:
    """The digest of the image that the lab's containerd has as ``target``."""
    return lab.folder / f"imported-{target}"


def _says(file: Path, text: str) -> bool:
    return file.exists() and file.read_text() == text


def main() -> int:
    """Exit status 0, or 1 with one line."""
    lab = Lab.chosen()
    if "--unless-there" in sys.argv[1:] and short_limits(lab):
        return 0
    try:
        install(lab, short="--short-limits" in sys.argv[1:])
    except (LabError, Failed) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
