"""The cluster that runs in this checkout's folder (or SHOP_LAB), and toys in it."""

from collections.abc import Iterator

import pytest

from deploy.lab import processes
from deploy.lab.lab import Lab, LabError
from tests.cluster import toys as services
from tests.cluster.toys import Toys


@pytest.fixture(scope="session")
def lab() -> Lab:
    lab = Lab.chosen()
    try:
        processes.running(lab)
    except LabError as exc:
        pytest.exit(str(exc), returncode=1)
    return lab


@pytest.fixture(scope="session")
def toys(lab: Lab) -> Iterator[Toys]:
    services.remove(lab)  # of a run that was killed
    yield services.start(lab)
    services.remove(lab)
