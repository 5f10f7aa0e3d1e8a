"""What holds for the whole mesh and stands in no file of istio/: policies read paths as the application does."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from deploy.lab import cluster
from deploy.lab.istio import SYSTEM
from deploy.lab.lab import Lab
from tests.cluster.waiting import settled
from tests.mesh.policies.edge import internal_paths_are_not_there
from tests.mesh.stage import Stage

pytestmark = pytest.mark.full

_TRICK = "/order/x/../internal/events"
_KNOWN_WITHIN_S = 240  # a kubelet that nobody tells looks within a minute and a half


def test_paths_are_normalised_before_routes_and_policies_read_them(lab: Lab, stage: Stage) -> None:
    """With paths as they were sent, the test that internal ones are closed fails at once."""
    internal_paths_are_not_there(stage, "order")
    with (
        _paths_as_they_were_sent(lab, stage),
        pytest.raises(AssertionError, match="statuses that are not 404") as seen,
    ):
        internal_paths_are_not_there(stage, "order")
    internal_paths_are_not_there(stage, "order")
    print(seen.value)


@contextmanager
def _paths_as_they_were_sent(lab: Lab, stage: Stage) -> Iterator[None]:
    """In the whole mesh, until the gateway closes the trick again."""
    was = str(cluster.kubectl_json(lab, "-n", SYSTEM, "get", "configmap", "istio")["data"]["mesh"])
    weaker = yaml.safe_load(was) | {"pathNormalization": {"normalization": "NONE"}}
    try:
        _write(lab, yaml.safe_dump(weaker))
        settled(lambda: stage.ask(_TRICK).status, 200, within_s=_KNOWN_WITHIN_S)
        yield
    finally:
        _write(lab, was)
        settled(lambda: stage.ask(_TRICK).status, 404, within_s=_KNOWN_WITHIN_S)


def _write(lab: Lab, mesh: str) -> None:
    """The mesh's settings; the kubelet is told to bring them to istiod now."""
    patch = json.dumps({"data": {"mesh": mesh}})
    cluster.kubectl(lab, "-n", SYSTEM, "patch", "configmap", "istio", "--type=merge", f"--patch={patch}")
    told = f"test/mesh={time.time():.3f}"
    cluster.kubectl(lab, "-n", SYSTEM, "annotate", "--overwrite", "pods", "--selector=app=istiod", told)
