"""Faults: both topologies, one start of each, many cases at once.

``--topologies one,split`` chooses; ``--faults-sample N --faults-seed S`` runs N of the crash cases in
both, and the rest in one of them each: the same ones for the same seed.
"""

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import pytest

from tests.faults import stage as stages
from tests.faults.cases import CASES, Case
from tests.faults.journeys import JOURNEYS
from tests.faults.stage import Stage
from tests.shop_api.client import wait_for

AT_ONCE = 6  # journeys: they mostly wait, and two cores are busy with restarts
FIRES_WITHIN_S = 20  # after the journey's end: some places are only reached by the next sweep

Outcomes = dict[Case, "Future[None]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--topologies", default="one,split", help="of one and split, separated by a comma")
    parser.addoption("--faults-sample", type=int, default=0, help="how many crash cases; 0: all")
    parser.addoption("--faults-seed", default="shop", help="chooses the sample")


def pytest_report_header(config: pytest.Config) -> str:
    count, seed = config.getoption("--faults-sample"), config.getoption("--faults-seed")
    return f"faults: {f'{count} of {len(CASES)} crash cases, seed {seed!r}' if count else 'all crash cases'}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    kinds = metafunc.config.getoption("--topologies").split(",")
    if metafunc.definition.get_closest_marker("split_only"):
        kinds = [kind for kind in kinds if kind == "split"]
    if "stage" in metafunc.fixturenames:
        metafunc.parametrize("stage", kinds, indirect=True, scope="session")
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", _sampled(metafunc.config), ids=str)


def _sampled(config: pytest.Config) -> list[Case]:
    count = config.getoption("--faults-sample")
    if not count:
        return list(CASES)
    return random.Random(config.getoption("--faults-seed")).sample(CASES, min(count, len(CASES)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One topology after the other; within each, what looks back on all comes last."""
    if config.getoption("--faults-sample"):
        left_out = [item for item in items if _is_left_out(config, item)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: (_kind(item), "last" in item.keywords))


def _is_left_out(config: pytest.Config, item: pytest.Item) -> bool:
    """In a sample, a test of both topologies runs in one of them: by the seed, which one."""
    kinds = config.getoption("--topologies").split(",")
    params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
    if not params or "case" in params or {"last", "split_only"} & set(item.keywords) or len(kinds) < 2:
        return False
    name = item.nodeid.replace(params["stage"], "")
    return bool(params["stage"] != random.Random(f"{config.getoption('--faults-seed')} {name}").choice(kinds))


def _kind(item: pytest.Item) -> str:
    found = getattr(item, "callspec", None)
    return str(found.params.get("stage", "")) if found else ""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "split_only: needs roles that can be stopped one by one")
    config.addinivalue_line("markers", "last: looks back on everything before it")


@pytest.fixture(scope="session")
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The topology under test, started once."""
    with stages.running(request.param) as running:
        yield running


@pytest.fixture(scope="module")
def hurried(stage: Stage) -> Iterator[Stage]:
    """The same topology, while orders do not wait long to be decided."""
    with stage.hurried():
        yield stage


@pytest.fixture(scope="session")
def outcomes(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """Every selected crash case of this topology, begun at once; each test then waits for its own."""
    selected = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    cases = [found["case"] for found in selected if "case" in found and found["stage"] == stage.kind]
    random.Random(0).shuffle(cases)  # those of one place wait for each other: far apart they need not
    places: dict[str, Lock] = {case.point: Lock() for case in cases}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {case: pool.submit(_run, stage, case, places[case.point]) for case in cases}


def _run(stage: Stage, case: Case, place: Lock) -> None:
    with place:
        try:
            JOURNEYS[case.journey](stage, lambda: stage.arm(case.point, case.action))
            wait_for(lambda: stage.has_fired(case.point), bool, within_s=FIRES_WITHIN_S)
        finally:
            stage.disarm(case.point)
