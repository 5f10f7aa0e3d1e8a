"""The cluster and the shop in it, as tests/cluster knows them."""

import pytest

from tests.cluster.conftest import lab, office, shop

__all__ = ["lab", "office", "shop"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What ends the sign-in of the others comes last."""
    items.sort(key=lambda item: "last" in item.keywords)
