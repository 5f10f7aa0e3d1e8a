"""``python -m deploy.faults NAME | clear``: a fault of istio/faults/ in the cluster that kubectl speaks to.

``clear`` brings back every route that a fault has changed, a canary's weights as they were. ISTIO_OVERLAY names
another overlay than the lab's, relative to the checkout.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from deploy import documents
from deploy.canary import pods
from deploy.kubectl import Refused, kubectl, read
from deploy.kustomize import combined
from deploy.release import ROOT

FAULTS = ROOT / "istio/faults"
_OVERLAY = "deploy/istio/lab"
_CLEAR = "clear"
_VERSIONS = "-versions"
_NOTE = "shop/before-fault"  # the routes that a fault has replaced

Manifest = dict[str, Any]


def names() -> list[str]:
    """Of all faults there are."""
    return sorted(folder.name for folder in FAULTS.iterdir())


def routes(fault: str | None) -> list[Manifest]:
    """What to apply: the routes that ``fault`` changes, as changed; with None those of all faults, unchanged.

    Raises Refused.
    """
    changed = {target for name in ([fault] if fault else names()) for target in _targets(name)}
    return [route for route in _rendered(fault) if _key(route) in changed]


def apply(fault: str | None) -> None:
    """Put ``fault`` into the cluster; None clears all. Raises Refused, also for a fault of a version without pods."""
    changing = [_noting_weights(route) for route in routes(fault)] if fault else list(_mended(routes(None)))
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", input=yaml.safe_dump_all(changing))


def _noting_weights(route: Manifest) -> Manifest:
    """With the routes of now, where they are a role's versions: their weights are those of a canary."""
    if not _is_of_versions(route):
        return route
    _require_pods(route)
    present = _present(route)
    noted = _noted(present) or json.dumps(present["spec"]["http"])
    return route | {"metadata": route["metadata"] | {"annotations": {_NOTE: noted}}}


def _mended(unchanged: Iterable[Manifest]) -> Iterator[Manifest]:
    """As before the fault; a role's versions that no fault has changed are left alone."""
    for route in unchanged:
        if not _is_of_versions(route):
            yield route
        elif noted := _noted(_present(route)):
            yield route | {"spec": route["spec"] | {"http": json.loads(noted)}}


def _noted(present: Manifest) -> str | None:
    """What the fault that is in place has replaced."""
    is_broken = any("fault" in each for each in present["spec"]["http"])
    return present["metadata"].get("annotations", {}).get(_NOTE) if is_broken else None


def _require_pods(route: Manifest) -> None:
    role = route["metadata"]["name"].removesuffix(_VERSIONS)
    for version in {target["destination"]["subset"] for each in route["spec"]["http"] for target in each["route"]}:
        if not pods.any_ready(role, version):
            raise Refused(f"{role} has no ready pod of {version}")


def _is_of_versions(route: Manifest) -> bool:
    return str(route["metadata"]["name"]).endswith(_VERSIONS)


def _present(route: Manifest) -> Manifest:
    return read("virtualservice", route["metadata"]["name"])


def _targets(fault: str) -> list[tuple[str, str]]:
    component = documents.only((FAULTS / fault / "kustomization.yaml").read_text())
    return [(patch["target"]["kind"], patch["target"]["name"]) for patch in component["patches"]]


def _key(route: Manifest) -> tuple[str, str]:
    return route["kind"], route["metadata"]["name"]


def _rendered(fault: str | None) -> list[Manifest]:
    overlay = ROOT / os.environ.get("ISTIO_OVERLAY", _OVERLAY)
    with combined(overlay, [FAULTS / fault] if fault else []) as folder:
        return documents.of(kubectl("kustomize", str(folder)))


def main() -> int:
    """Exit status 0, or 1 with one line."""
    chosen = sys.argv[1] if len(sys.argv) == 2 else ""
    if chosen not in {_CLEAR, *names()}:
        print(f"no fault {chosen!r}; there are: {', '.join(names())}; or {_CLEAR}", file=sys.stderr)
        return 1
    try:
        apply(None if chosen == _CLEAR else chosen)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
