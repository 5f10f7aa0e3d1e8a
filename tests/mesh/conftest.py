"""The cluster and the shop in it, as tests/cluster knows them; the stage, and what was found on it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.lab import Lab
from tests.cluster.conftest import lab, office, shop
from tests.mesh import rehearsal
from tests.mesh.policy import Mutation, Policy, Result
from tests.mesh.rehearsal import NO_CHANGE, NOTHING
from tests.mesh.stage import Stage, remove, start

__all__ = ["lab", "office", "shop"]

_FOUND: list[Result] = []
_SAYING = threading.Lock()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--policies", type=Path, help="write the table of policies, tests and mutations to this file")
    parser.addoption("--keep-stage", action="store_true", help="leave the stage for the next run")
    parser.addoption("--every-role", action="store_true", help="try each row on every role that it is of")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What ends the sign-in of the others comes last."""
    items.sort(key=lambda item: "last" in item.keywords)


@pytest.fixture(scope="session")
def stage(lab: Lab, pytestconfig: pytest.Config) -> Iterator[Stage]:
    """The mesh's files in a namespace of their own, with toys. Made anew, and removed in the end."""
    try:
        yield start(lab)
    finally:
        if not pytestconfig.getoption("--keep-stage"):
            remove(lab)


class Findings:
    """What came of the rows that were chosen."""

    def __init__(self, results: list[Result]) -> None:
        self._results = results

    def of(self, row: Policy, mutation: Mutation | None = None) -> list[Result]:
        return self._named(row, mutation.name if mutation else NOTHING)

    def unchanged(self, row: Policy) -> list[Result]:
        return self._named(row, NO_CHANGE)

    def _named(self, row: Policy, mutation: str) -> list[Result]:
        return [each for each in self._results if (each.proof, each.mutation) == (row.proof, mutation)]


@pytest.fixture(scope="session")
def findings(stage: Stage, request: pytest.FixtureRequest) -> Findings:
    """Runs every chosen row and mutation, those of different roles side by side."""
    chosen = _chosen(request.session.items)
    every_role = bool(request.config.getoption("--every-role"))
    turns = list(rehearsal.turns(chosen, every_role=every_role))
    began = time.monotonic()

    def heard(result: Result) -> None:
        _FOUND.append(result)
        _say(request, f"{time.monotonic() - began:5.0f} s  {rehearsal.line(result)}")

    rehearsal.run(turns, lambda turn: rehearsal.performed(stage, turn), heard)
    if any(item.name.startswith("test_a_change_that") for item in request.session.items):
        repeated = [turn for turn in turns if every_role or turn.is_first]
        with stage.changed(None, rehearsal.annotated):
            rehearsal.run(repeated, lambda turn: rehearsal.again(stage, turn), heard)
    return Findings(_FOUND)


def _chosen(items: list[pytest.Item]) -> list[tuple[Policy, tuple[Mutation, ...]]]:
    """The rows of the selected tests, and the mutations of each that were selected."""
    rows: dict[str, tuple[Policy, list[Mutation]]] = {}
    for item in items:
        values = getattr(item, "callspec", None)
        if values and "findings" in getattr(item, "fixturenames", ()):
            row: Policy = values.params["row"]
            _, mutations = rows.setdefault(row.proof, (row, []))
            if "mutation" in values.params:
                mutations.append(values.params["mutation"])
    return [(row, tuple(mutations)) for row, mutations in rows.values()]


def _say(request: pytest.FixtureRequest, text: str) -> None:
    """At once, past what pytest keeps back: the whole takes minutes."""
    plugins = request.config.pluginmanager
    reporter, capture = plugins.getplugin("terminalreporter"), plugins.getplugin("capturemanager")
    if reporter and capture:
        with _SAYING, capture.global_and_fixture_disabled():
            reporter.write_line(text)
            reporter.flush()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What customers saw, as the tests printed it; the table, on the terminal and, when asked, in a file."""
    for report in terminalreporter.getreports("passed"):
        if report.when == "call" and report.capstdout:
            terminalreporter.write_line(f"{report.location[2]}:\n{report.capstdout.rstrip()}")
    if not _FOUND:
        return
    table = rehearsal.report(_FOUND)
    terminalreporter.write_line(table)
    file = config.getoption("--policies")
    if file:
        file.write_text(table + "\n")
