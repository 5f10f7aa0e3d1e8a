"""Each policy holds on the stage; with each mutation its test fails, and says why; a change of nothing is none."""

import pytest

from tests.mesh.conftest import Findings
from tests.mesh.policy import Mutation, Policy
from tests.mesh.table import POLICIES

_FULL = [pytest.mark.full]
_MUTATIONS = [
    pytest.param(row, each, id=f"{row.proof}: {each.name}", marks=_FULL * (row.slow or each.slow))
    for row in POLICIES
    for each in row.mutations
]
_ROWS = [pytest.param(row, id=row.proof, marks=_FULL * row.slow) for row in POLICIES]


@pytest.mark.parametrize("row", _ROWS)
def test_the_policy_holds(row: Policy, findings: Findings) -> None:
    """Before and after mutations of others, on every role that it was tried on."""
    assert [each.said for each in findings.of(row) if not each.passed] == []
    assert findings.of(row)


@pytest.mark.parametrize(("row", "mutation"), _MUTATIONS)
def test_the_mutation_is_seen(row: Policy, mutation: Mutation, findings: Findings) -> None:
    """The test of the policy fails, and for the reason that the mutation gives it."""
    found = findings.of(row, mutation)
    assert found
    assert [each.said for each in found if not each.passed] == []


@pytest.mark.parametrize("row", _ROWS)
def test_a_change_that_changes_nothing_is_not_seen(row: Policy, findings: Findings) -> None:
    """An annotation on every object: the test of each policy still passes, on one of its roles."""
    found = findings.unchanged(row)
    assert found
    assert [each.said for each in found if not each.passed] == []
