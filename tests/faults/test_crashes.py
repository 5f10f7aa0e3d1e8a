"""A process dies, or an answer is lost, at every place where it could matter."""

from tests.faults.cases import Case
from tests.faults.conftest import Outcomes
from tests.faults.stage import Stage


def test_an_order_survives(stage: Stage, case: Case, outcomes: Outcomes) -> None:
    """The fault fires, the process is restarted, and the journey ends as if nothing had been."""
    outcomes[case].result()
