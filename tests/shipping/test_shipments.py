"""Booking, cancelling, handing over: any of them may be repeated, late or in the wrong order."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.shipping import client, services
from apps.shipping.models import Shipment, ShipmentState, ShippingMethod, TrackingEntry
from shop import context
from tests.shipping.conftest import ADDRESS, book, emitted


def test_a_booking_has_one_effect() -> None:
    """A repeat returns the first tracking number and tells nobody again."""
    shipment_id = uuid4()
    first = book(shipment_id)
    assert book(shipment_id) == first
    assert emitted(shipment_id) == [("shipment.booked.v1", 1)]
    assert book().tracking_number != first.tracking_number


def test_an_id_belongs_to_one_content() -> None:
    """The same id for something else is a defect of the caller, and changes nothing."""
    shipment_id = uuid4()
    book(shipment_id)
    with pytest.raises(RuntimeError, match="422 idempotency-key-reused"):
        book(shipment_id, order_number="ORDER00002")
    assert Shipment.objects.get(pk=shipment_id).order_number == "ORDER00001"


@pytest.mark.parametrize("changes", [{"method": "pigeon"}, {"address": {**ADDRESS, "country": "AQ"}}])
def test_what_the_carrier_does_not_serve_is_refused(changes: dict[str, object]) -> None:
    """Nothing is left behind: the id may still be booked otherwise."""
    shipment_id = uuid4()
    with pytest.raises(client.BookingRefused, match="not-served"):
        book(shipment_id, **changes)
    assert book(shipment_id).tracking_number


def test_a_method_that_was_quoted_is_booked_though_inactive() -> None:
    """What was promised is kept."""
    ShippingMethod.objects.update(active=False)
    assert book().tracking_number


def test_cancelling_is_final() -> None:
    """It may be repeated; neither a late booking nor a hand-over revives the shipment."""
    shipment_id = uuid4()
    book(shipment_id)
    client.cancel(shipment_id=shipment_id)
    client.cancel(shipment_id=shipment_id)
    assert emitted(shipment_id) == [("shipment.booked.v1", 1), ("shipment.cancelled.v1", 2)]
    with pytest.raises(client.Superseded):
        book(shipment_id)
    with pytest.raises(client.ShipmentGone):
        client.hand_over(shipment_id=shipment_id)


def test_cancelling_an_unseen_id_refuses_the_late_booking() -> None:
    """The tombstone is nobody's news."""
    shipment_id = uuid4()
    client.cancel(shipment_id=shipment_id)
    client.cancel(shipment_id=shipment_id)
    with pytest.raises(client.Superseded):
        book(shipment_id)
    assert emitted(shipment_id) == []


def test_a_handed_over_shipment_cannot_be_cancelled() -> None:
    """Handing over may be repeated; so may the booking, which still knows its number."""
    shipment_id = uuid4()
    booked = book(shipment_id)
    client.hand_over(shipment_id=shipment_id)
    client.hand_over(shipment_id=shipment_id)
    with pytest.raises(client.TooLate):
        client.cancel(shipment_id=shipment_id)
    assert emitted(shipment_id) == [("shipment.booked.v1", 1), ("shipment.handed_over.v1", 2)]
    assert book(shipment_id) == booked


def test_an_unseen_shipment_cannot_be_handed_over() -> None:
    """Nothing is made of it."""
    with pytest.raises(client.ShipmentGone):
        client.hand_over(shipment_id=uuid4())
    assert not Shipment.objects.exists()


def test_booking_and_cancelling_at_once_leave_a_cancelled_shipment() -> None:
    """Whoever comes first: no parcel is left booked behind a cancellation that succeeded."""

    def attempt(shipment_id: UUID, booking: bool) -> None:
        try:
            with context.working_as("order"):
                book(shipment_id) if booking else client.cancel(shipment_id=shipment_id)
        except client.Superseded:
            pass
        finally:
            connection.close()

    for _ in range(10):
        shipment_id = uuid4()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(attempt, [shipment_id] * 8, [True, False] * 4))
        found = Shipment.objects.get(pk=shipment_id)
        assert found.state == ShipmentState.CANCELLED
        assert found.tracking.count() == found.version in {0, 2}


def test_internal_paths_do_not_exist_without_a_credential() -> None:
    """Nor does a signed-out person learn that they do."""
    assert Client().post("/shipping/internal/shipments", {}, content_type="application/json").status_code == 404
    assert Client().get("/shipping/internal/rate").status_code == 404


def test_tracking_needs_the_number_and_shows_nothing_personal() -> None:
    """State and history for anyone who has the number."""
    shipment_id = uuid4()
    number = book(shipment_id).tracking_number
    client.hand_over(shipment_id=shipment_id)
    shown = Client().get(f"/shipping/shipments/{number}")
    assert shown.status_code == 200
    body = shown.json()
    assert [entry["status"] for entry in body.pop("history")] == ["booked", "handed_over"]
    assert body == {
        "tracking_number": number,
        "method": "standard",
        "carrier": "Parcel Post",
        "status": "handed_over",
    }
    assert Client().get("/shipping/shipments/unknown").status_code == 404
    assert Client().get("/shipping/shipments/").status_code == 404


def test_tracking_costs_two_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Whatever the length of the history."""
    shipment_id = uuid4()
    number = book(shipment_id).tracking_number
    rows = [TrackingEntry(shipment_id=shipment_id, sequence=n, state="in_transit") for n in range(2, 51)]
    with django_assert_num_queries(2):
        Client().get(f"/shipping/shipments/{number}")
    TrackingEntry.objects.bulk_create(rows)
    with django_assert_num_queries(2):
        assert len(Client().get(f"/shipping/shipments/{number}").json()["history"]) == 50


def test_a_booking_costs_one_statement_beside_its_event(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Whatever the number of lines: begin, deadline, booking, event, commit."""
    few = [{"sku": "LAMP", "name": "Lamp", "quantity": 1}]
    many = [{"sku": f"LAMP{n}", "name": "Lamp", "quantity": 1} for n in range(50)]
    for lines in (few, many):
        with django_assert_num_queries(5):
            book(lines=lines)


def test_the_service_says_how_many_are_travelling() -> None:
    """Booked ones are not: they wait for the order."""
    shipment_id = uuid4()
    book(shipment_id)
    assert services.travelling() == 0
    client.hand_over(shipment_id=shipment_id)
    assert services.travelling() == 1
