from collections.abc import Iterator
from typing import Any

import pytest

from tools.check_deploy import NoKustomize, renderings

Resource = dict[str, Any]


@pytest.fixture(scope="session")
def local() -> list[Resource]:
    """What the overlay for one machine comes to."""
    return rendered("kubernetes/overlays/local")


@pytest.fixture(scope="session")
def aks() -> list[Resource]:
    return rendered("kubernetes/overlays/aks")


def rendered(name: str) -> list[Resource]:
    """An overlay's resources; the test is skipped where nothing can render."""
    try:
        return next(one.resources for one in renderings() if one.name == name)
    except NoKustomize as missing:
        pytest.skip(f"*** THE MANIFESTS WERE NOT RENDERED: {missing}")


def of_kind(resources: list[Resource], *kinds: str) -> Iterator[Resource]:
    return (resource for resource in resources if resource["kind"] in kinds)


def pod_of(resource: Resource) -> Resource:
    """The pod's spec of a workload."""
    spec = resource["spec"].get("jobTemplate", resource)["spec"]
    found: Resource = spec["template"]["spec"]
    return found
