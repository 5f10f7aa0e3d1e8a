"""Looks back on all that was done to this topology."""

import pytest

from tests.faults.stage import Stage

pytestmark = pytest.mark.last


def test_nothing_is_parked(stage: Stage) -> None:
    """No order waits for a person."""
    found = stage.shop.staff.get("/order/orders?parked=true&limit=100").body["results"]
    assert found == []


def test_the_books_agree(stage: Stage) -> None:
    """Once nothing is under way the audit is silent."""
    assert stage.audit() == []
