"""What befalls the mesh itself while customers shop: none of them notices."""

import random
import time
from collections import Counter
from uuid import uuid4

import pytest

from deploy.lab import cluster
from deploy.lab.istio import SYSTEM
from deploy.lab.lab import Lab
from shop.roles import ROLES
from tests.cluster.customers import at_rest, checkouts_while_pods_die, loaded, status
from tests.cluster.shop import audit
from tests.mesh.test_faults import fault
from tests.shop_api.client import Shop

CHECKOUTS = 1000
_AWAY_S = 60

pytestmark = pytest.mark.full


def test_istiod_away_for_a_minute_is_noticed_by_nobody(lab: Lab, shop: Shop) -> None:
    """Proxies go on with what they were told last."""
    sku = shop.product(on_hand=1000)
    statuses: Counter[int] = Counter()

    def ask() -> None:
        statuses[status(lambda: shop.anyone.get(f"/{random.choice(list(ROLES))}"))] += 1
        statuses[status(lambda: shop.anyone.post("/cart/items", {"sku": sku, "quantity": 1}))] += 1

    istiod = ("-n", SYSTEM, "scale", "deployment/istiod")
    cluster.kubectl(lab, *istiod, "--replicas=0")
    try:
        cluster.wait_for("no istiod", lambda: _istiods(lab) == 0, within_s=60)
        end = time.monotonic() + _AWAY_S
        with loaded(2, ask):
            cluster.wait_for("a minute", lambda: time.monotonic() > end, within_s=_AWAY_S + 5)
            placed = shop.buy(shop.anyone, sku)
    finally:
        cluster.kubectl(lab, *istiod, "--replicas=1")
        cluster.wait_rolled_out(lab, SYSTEM, "deployment/istiod")
    print(f"without istiod: {dict(statuses)}, an order {placed.status}")
    assert set(statuses) <= {200, 201}
    assert placed.status in {201, 202}
    assert at_rest(shop, [placed.body["number"]]) == {"delivered": 1}


def _istiods(lab: Lab) -> int:
    return len(cluster.kubectl_json(lab, "-n", SYSTEM, "get", "pods", "--selector=app=istiod")["items"])


def test_chaos_in_the_mesh_loses_nothing(lab: Lab, shop: Shop) -> None:
    """Pods killed at random and half of the calls to payment refused, during 1,000 checkouts; then all books agree."""
    seed = uuid4().hex[:8]
    print(f"seed {seed}")
    with fault(lab, "abort-payment"):
        numbers, killed = checkouts_while_pods_die(lab, shop, CHECKOUTS, seed, kills=10)
    states = at_rest(shop, numbers)
    print(f"{len(killed)} pods killed; orders: {dict(states)}")
    assert len(killed) >= 10
    assert set(states) <= {"delivered", "rejected"}
    assert states["delivered"] >= len(numbers) / 10  # with the suite's limit of six seconds an outage rejects most
    assert shop.staff.get("/order/orders?parked=true&limit=100").body["results"] == []
    assert audit(lab) == (0, "")
