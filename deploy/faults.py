"""``python -m deploy.faults NAME | clear``: a fault of istio/faults/ in the cluster that kubectl speaks to.

``clear`` brings back every route that a fault has changed; a canary's weights stay, but for those that a fault of a
role's versions has replaced: they become the overlay's. ISTIO_OVERLAY names another than the lab's, relative to
the checkout.
"""

import os
import sys
from typing import Any

import yaml

from deploy import documents
from deploy.kubectl import Refused, kubectl, read
from deploy.kustomize import combined
from deploy.release import ROOT

FAULTS = ROOT / "istio/faults"
_OVERLAY = "deploy/istio/lab"
_CLEAR = "clear"

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
    """Put ``fault`` into the cluster; None clears all. Raises Refused."""
    changing = [route for route in routes(fault) if fault or not _is_untouched_weight(route)]
    manifest = yaml.safe_dump_all(changing)
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", input=manifest)


def _is_untouched_weight(route: Manifest) -> bool:
    """A role's versions that no fault has changed: their weights are those of a canary, not the overlay's."""
    name = route["metadata"]["name"]
    if not name.endswith("-versions"):
        return False
    return not any("fault" in each for each in read("virtualservice", name)["spec"]["http"])


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
