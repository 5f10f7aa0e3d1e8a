"""The simulated carrier: brings what was handed over, once, whatever the number of workers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.shipping import client, services
from apps.shipping.models import Shipment, ShipmentState
from shop import context
from tests.shipping.conftest import book, emitted


def handed_over(count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    for shipment_id in ids:
        book(shipment_id)
        client.hand_over(shipment_id=shipment_id)
    return ids


def arrive() -> None:
    """Let the travelling times be over."""
    Shipment.objects.exclude(due_at=None).update(due_at=Now() - timedelta(seconds=1))


def advance() -> int:
    with context.working_as("shipping"):
        return services.advance()


def test_a_shipment_travels_and_arrives() -> None:
    """In transit is on the tracking page only; the delivery is told, with the next sequence."""
    (shipment_id,) = handed_over(1)
    assert advance() == 0, "its time is not over"
    arrive()
    assert advance() == 1
    assert Shipment.objects.get().state == ShipmentState.IN_TRANSIT
    arrive()
    assert advance() == 1
    assert advance() == 0
    assert emitted(shipment_id)[2:] == [("shipment.delivered.v1", 4)]
    states = Shipment.objects.get().tracking.values_list("state", flat=True)
    assert list(states) == ["booked", "handed_over", "in_transit", "delivered"]


def test_booked_and_cancelled_shipments_stay() -> None:
    """The carrier has neither."""
    book()
    cancelled = uuid4()
    book(cancelled)
    client.cancel(shipment_id=cancelled)
    assert advance() == 0


def test_many_carriers_move_each_shipment_once() -> None:
    """They skip what another holds, and wait for nobody."""
    ids = handed_over(30)

    def work(_: int) -> int:
        try:
            return advance()
        finally:
            connection.close()

    for _ in range(2):
        arrive()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    assert {emitted(shipment_id)[-1] for shipment_id in ids} == {("shipment.delivered.v1", 4)}
    assert {shipment.tracking.count() for shipment in Shipment.objects.all()} == {4}


def test_a_batch_moves_in_one_statement() -> None:
    """As many statements for thirty shipments as for one, where nobody has to be told."""
    counts = []
    for size in (1, 30):
        handed_over(size)
        Shipment.objects.filter(state=ShipmentState.HANDED_OVER).update(due_at=Now() - timedelta(seconds=1))
        with CaptureQueriesContext(connection) as captured:
            assert advance() == size
        counts.append(len(captured))
    assert counts[0] == counts[1]
