"""What order remembers of others' events, in whatever order and however often they come."""

from collections.abc import Iterator
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from apps.order.models import Fulfilment, Order
from shop import context
from shop.events.registry import Received
from shop.events.relay import receive
from tests.order.world import World, order


@pytest.fixture
def as_order() -> Iterator[None]:
    """Events arrive at order."""
    with context.working_as("order"):
        yield


def shipment(found: Order, name: str, sequence: int) -> Received:
    payload = {"shipment_id": str(found.shipment_id), "status": name.split(".")[1], "tracking_number": "TRACK"}
    return Received(str(uuid4()), name, str(found.shipment_id), sequence, payload)


def payment(found: Order, status: str, sequence: int) -> Received:
    amounts: dict[str, Any] = {"authorised": "0.00", "captured": "24.89", "refunded": "0.00", "attempts": []}
    payload = {"payment_id": str(found.payment_id), "status": status, "currency": "EUR"} | amounts
    return Received(str(uuid4()), "payment.changed.v1", str(found.payment_id), sequence, payload)


@pytest.mark.parametrize("sequences", list(permutations([1, 2, 3])))
def test_the_newest_event_is_what_is_shown(shop: World, as_order: None, sequences: tuple[int, ...]) -> None:
    """No order of arrival is promised."""
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    names = {1: "shipment.booked.v1", 2: "shipment.handed_over.v1", 3: "shipment.delivered.v1"}
    states = {11: "authorised", 12: "captured", 13: "refunded"}
    for sequence in sequences:
        arrived = [
            shipment(order(number), names[sequence], sequence),
            payment(order(number), states[sequence + 10], sequence + 10),
        ]
        assert [answer["outcome"] for answer in receive(subscriber="order", events=arrived)] == ["accepted"] * 2
    page = shop.staff().get(f"/order/orders/{number}").body
    assert (page["shipments"][0]["status"], page["payment"]["status"]) == ("delivered", "refunded")


def test_a_delivery_that_is_faster_than_the_answer_is_not_missed(shop: World, as_order: None) -> None:
    """Delivered is told while the order is still being handed over: it becomes both, in order."""
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    receive(subscriber="order", events=[shipment(order(number), "shipment.delivered.v1", 99)])
    assert order(number).state == "confirmed"
    while shop.advance():
        pass
    assert order(number).state == "delivered"


def test_events_of_unknown_things_change_nothing(shop: World, as_order: None) -> None:
    """Accepted: nothing here is about them."""
    stranger = Order(id=uuid4(), payment_id=uuid4())
    events = [shipment(stranger, "shipment.delivered.v1", 1), payment(stranger, "captured", 1)]
    assert [answer["outcome"] for answer in receive(subscriber="order", events=events)] == ["accepted"] * 2
    assert not Fulfilment.objects.filter(order=stranger.pk).exists()
