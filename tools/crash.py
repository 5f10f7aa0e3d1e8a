"""``make crash``: kill the worker in the middle of an order, and watch the order recover.

A shop of its own, in a temporary folder: what `make run` is doing is not touched.
"""

import sys
import time

from tests.faults import journeys
from tests.faults.cases import STEPS
from tests.faults.stage import Stage, running
from tests.shop_api.client import wait_for

PLACE = f"{STEPS['capture'][0]}:after"  # the money is taken, and the worker does not know it yet
_RESTART_S = 20


def main() -> int:
    """0 when the order was delivered and the books agree; 1 otherwise."""
    say("Starting a shop of its own (one process, embedded PostgreSQL and Valkey) …")
    with running("one") as stage:
        return _show(stage)


def _show(stage: Stage) -> int:
    wait_for(lambda: _states(stage), lambda states: states <= {"delivered"}, within_s=40)  # of the first start's orders
    sku = stage.shop.product(price="19.99", on_hand=3)
    say(f"Ready. {sku}: 3 units in stock.")
    stage.arm(PLACE, "exit")
    say("Armed: the worker will be killed between the capture of the money and writing down that it was taken.")
    before = stage.control.list()[stage.worker]
    placed = journeys.place(stage, sku, quantity=1)
    order = placed.answer.body
    say(f"A guest buys one: order {order['number']} is {order['status']}, {_money(order['total'])}.")
    _await_death(stage, before.restarts)
    say(f"The worker (pid {before.pid}) is dead. The gateway has: {_gateway(stage, placed)}.")
    say(f"The order, meanwhile: {stage.shop.order(placed.number)['status']}.")
    after = stage.control.wait(stage.worker, "ready", within_s=_RESTART_S)
    say(f"The supervisor has started another (pid {after.pid}).")
    order = stage.shop.wait_for_state(placed.number, "delivered", 40)
    say("The order went on where it was, under the same keys:")
    for row in stage.shop.staff.get(f"/order/orders/{placed.number}/timeline").body["results"]:
        say(f"    {row['at']}  {row['to'] or row['note']}")
    say(f"The gateway has: {_gateway(stage, placed)}. {sku}: {stage.shop.available(sku)} units in stock.")
    say("Audit of all books …")
    return _verdict(stage.audit())


def _verdict(disagreements: list[str]) -> int:
    for line in disagreements:
        say(f"    {line}")
    say("The audit is not silent." if disagreements else "The audit is silent: every book agrees. Nothing was lost.")
    return 1 if disagreements else 0


def _await_death(stage: Stage, restarts: int) -> None:
    """Raises TimeoutError when the armed place is not reached."""
    end = time.monotonic() + _RESTART_S
    while stage.control.list()[stage.worker].restarts == restarts:
        if time.monotonic() > end:
            raise TimeoutError("the worker was not killed: nobody captured")
        time.sleep(0.02)


def _states(stage: Stage) -> set[str]:
    return {order["status"] for order in stage.shop.staff.get("/order/orders?limit=100").body["results"]}


def _gateway(stage: Stage, placed: journeys.Placed) -> str:
    lines = stage.gateway_lines(placed.key)
    return ", ".join(f"{line['kind']} {line['amount']} {line['currency']}" for line in lines)


def _money(amount: dict[str, str]) -> str:
    return f"{amount['amount']} {amount['currency']}"


def say(text: str) -> None:
    """One line, with the seconds since the beginning."""
    print(f"{time.monotonic() - _BEGAN:5.1f} s  {text}", flush=True)


_BEGAN = time.monotonic()

if __name__ == "__main__":
    sys.exit(main())
