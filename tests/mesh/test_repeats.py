"""What the mesh repeats, and what the real shop makes of it."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

from deploy.lab import cluster
from deploy.lab.lab import Lab
from tests.cluster.shop import counted, in_worker
from tests.shop_api.client import Shop

_HOLD = """
import os, sys, psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("SELECT 1 FROM inventory_stock WHERE item_id = %s FOR UPDATE", sys.argv[1:])
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_keyed_write_repeated_while_its_first_try_runs_has_one_outcome(lab: Lab, shop: Shop) -> None:
    """The row is locked, so the try is left after 2 s and repeated; both end once it is free, as one receipt."""
    sku = shop.product(on_hand=1)
    receipt = {"sku": sku, "warehouse": shop.warehouse(), "quantity": 5, "reference": "test"}
    before = _asked(lab)
    with ThreadPoolExecutor(1) as pool:
        with _held(lab, sku):
            answering = pool.submit(shop.staff.post, "/inventory/receipts", receipt, key=uuid4().hex)
            cluster.wait_for("a second try", lambda: _asked(lab) >= before + 2, within_s=6)
        answer = answering.result()
    print(f"{_asked(lab) - before:.0f} requests at inventory, one answer: {answer.status}")
    assert answer.status == 201
    assert shop.available(sku) == 6


@contextmanager
def _held(lab: Lab, sku: str) -> Iterator[None]:
    """The stock of ``sku`` cannot be changed meanwhile: a session of inventory's own holds its row."""
    command = cluster.in_network(lab, "kubectl", *in_worker("inventory", "--stdin"), "python3.11", "-c", _HOLD, sku)
    with subprocess.Popen(
        command, env=lab.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holding:
        assert holding.stdout
        assert holding.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holding.communicate("release\n")


def _asked(lab: Lab) -> float:
    """Receipts that reached inventory's code, in all of its pods."""
    return counted(lab, "inventory-service", 'method="POST"', 'view="inventory:receipts"')
