"""The cluster and the shop in it, as tests/cluster knows them."""

from tests.cluster.conftest import lab, shop

__all__ = ["lab", "shop"]
