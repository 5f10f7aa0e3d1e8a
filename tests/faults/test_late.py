"""A command that arrives after its own compensation: the network kept it, and the order has ended."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults import journeys
from tests.faults.cases import STEPS
from tests.faults.stage import HURRIED_S, Stage
from tests.shop_api.client import ADDRESS, Answer, wait_for

_DECIDED_S = HURRIED_S + 30
_LATE_S = HURRIED_S + 6

pytestmark = pytest.mark.usefixtures("hurried")


@pytest.mark.parametrize(("step", "reason"), [("reserve", "stock-unavailable"), ("authorise", "payment-unavailable")])
def test_what_was_never_seen_is_refused_after_its_compensation(stage: Stage, step: str, reason: str) -> None:
    """No try of a step arrives before the deadline: rejected, compensated unseen; the late one is superseded."""
    sku = stage.shop.product(on_hand=1)
    with stage.lost(f"{STEPS[step][0]}:before"):
        placed = journeys.place(stage, sku, quantity=1)
        order = stage.shop.wait_for_state(placed.number, "rejected", _DECIDED_S)
    assert order["reason"] == reason
    _expect_all_superseded(stage, placed, sku)
    assert stage.gateway_lines(placed.key) == []


@pytest.mark.parametrize(
    ("stalled", "lost", "reason"),
    [
        (f"{STEPS['reserve'][0]}:before", "reserve", "stock-unavailable"),
        (f"{STEPS['authorise'][0]}:before", "authorise", "payment-unavailable"),
        # With the answer in hand, about to write where it leads: kept out by the lease's epoch and the state.
        ("command:order.saga.advance:before", "reserve", "stock-unavailable"),
    ],
    ids=["reserve", "authorise", "write"],
)
def test_a_holder_that_wakes_up_after_the_end_changes_nothing(
    stage: Stage, stalled: str, lost: str, reason: str
) -> None:
    """The request is held up until the worker has given the order up; then it goes on after all."""
    sku = stage.shop.product(on_hand=1)
    with ThreadPoolExecutor(1) as pool:
        stage.arm(stalled, f"delay {_LATE_S}")
        began = time.monotonic()
        placing = pool.submit(journeys.place, stage, sku, quantity=1)
        wait_for(lambda: stage.has_fired(stalled), bool)
        with stage.lost(f"{STEPS[lost][0]}:before"):
            wait_for(lambda: _decided(stage, sku), lambda orders: orders == ["rejected"], within_s=_DECIDED_S)
        wait_for(lambda: time.monotonic() - began > _LATE_S, bool, within_s=_LATE_S)
        placed = placing.result()
    order = stage.shop.order(placed.number)
    assert (order["status"], order["reason"], order["parked"]) == ("rejected", reason, False)
    _expect_all_superseded(stage, placed, sku)
    assert stage.gateway_lines(placed.key) == []


def test_an_event_that_comes_again_has_no_second_effect(stage: Stage) -> None:
    """The order emptied the cart, the guest filled it again: the same event once more leaves that alone."""
    sku = stage.shop.product(on_hand=9)
    cart, placed = journeys.place_from_cart(stage, sku)
    wait_for(lambda: cart.get("/cart").body["items"], lambda items: items == [])
    assert cart.post("/cart/items", {"sku": sku, "quantity": 2}).status == 201
    body = {"events": [stage.told("order", "order.confirmed.v1", placed.number)]}
    answer = stage.internal("order", "cart", "/cart/internal/events", body)
    assert [each["outcome"] for each in answer.body["answers"]] == ["duplicate"]
    assert [item["quantity"] for item in cart.get("/cart").body["items"]] == [2]


def test_after_a_cancellation_every_late_command_is_refused(stage: Stage) -> None:
    """Reserved, authorised, cancelled, and now all of it arrives once more: nothing is held."""
    sku = stage.shop.product(on_hand=1)
    placed = journeys.place(stage, sku, quantity=1)
    guest = stage.shop.anyone.and_headers(**{"X-Order-Token": placed.answer.body["access_token"]})
    assert guest.post(f"/order/orders/{placed.number}/cancel").status in {200, 202}
    stage.shop.wait_for_state(placed.number, "cancelled")
    wait_for(
        lambda: [line["status"] for line in stage.gateway_lines(placed.key)],
        lambda found: found == ["voided", "voided"],
    )
    _expect_all_superseded(stage, placed, sku)
    assert len(stage.gateway_lines(placed.key)) == 2


def test_a_booking_after_its_cancellation_is_refused(stage: Stage) -> None:
    """The capture was refused, the booking cancelled; the booking that arrives now is superseded."""
    sku = stage.shop.product(on_hand=1)
    placed = journeys.place(stage, sku, quantity=1)
    stage.void_at_gateway(placed.key)
    stage.shop.wait_for_state(placed.number, "cancelled")
    shipment_id = stage.shop.order(placed.number)["shipments"][0]["id"]
    body = {
        "id": shipment_id,
        "order_number": placed.number,
        "method": "standard",
        "address": ADDRESS,
        "lines": [{"sku": sku, "name": "Lamp", "quantity": 1}],
        "customer_id": "",
        "email": placed.email,
    }

    def late() -> Answer:
        return stage.internal("order", "shipping", "/shipping/internal/shipments", body, shipment_id)

    wait_for(late, lambda answer: (answer.status, answer.problem) == (409, "superseded"))


def _expect_all_superseded(stage: Stage, placed: "journeys.Placed", sku: str) -> None:
    wait_for(lambda: stage.shop.available(sku), lambda units: units == 1)
    order = stage.shop.order(placed.number)
    reserve = {"id": stage.reservation_of(placed.number), "lines": {sku: 1}, "lifetime_s": 45}
    authorise = {
        "id": order["payment"]["id"],
        "order_number": placed.number,
        "amount": order["total"],
        "token": "tok_always_ok",
        "reference": placed.key,
        "email": placed.email,
    }
    late = [("inventory", "/inventory/internal/reservations", reserve)]
    if order["reason"] != "stock-unavailable":  # without stock it never asked for money: nothing to refuse there
        late.append(("payment", "/payment/internal/payments", authorise))
    for role, path, body in late:
        answer = stage.internal("order", role, path, body, str(body["id"]))
        assert (answer.status, answer.problem) == (409, "superseded"), (role, answer)
    assert stage.shop.available(sku) == 1


def _decided(stage: Stage, sku: str) -> list[str]:
    found: list[dict[str, Any]] = stage.shop.staff.get("/order/orders?limit=20").body["results"]
    return [order["status"] for order in found if any(line["sku"] == sku for line in order["lines"])]
