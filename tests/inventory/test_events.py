"""What inventory tells the catalogue and the staff."""

from typing import Any

import pytest

from apps.inventory import services, tasks
from apps.inventory.audit import levels
from apps.inventory.models import Item
from shop.events.models import Event
from tests.inventory.conftest import receive, reserve

pytestmark = pytest.mark.django_db(transaction=True)


def _told(name: str) -> list[dict[str, Any]]:
    return list(Event.objects.filter(name=name).order_by("created_at").values_list("payload", flat=True))


def test_each_command_tells_the_levels_it_changed_in_one_event() -> None:
    """By SKU, with a sequence that grows with each change of that SKU, over all warehouses."""
    receive("LAMP", 5)
    receive("LAMP", 2, "north")
    receive("SOFA", 9)
    reservation = reserve({"SOFA": 1, "LAMP": 6})
    services.release(reservation_id=reservation)
    assert [event["levels"] for event in _told("stock.changed.v1")] == [
        [{"sku": "LAMP", "available": 5, "sequence": 1}],
        [{"sku": "LAMP", "available": 7, "sequence": 2}],
        [{"sku": "SOFA", "available": 9, "sequence": 1}],
        [{"sku": "LAMP", "available": 1, "sequence": 3}, {"sku": "SOFA", "available": 8, "sequence": 2}],
        [{"sku": "LAMP", "available": 7, "sequence": 4}, {"sku": "SOFA", "available": 9, "sequence": 3}],
    ]
    assert levels(["LAMP"], "", 9) == [{"id": "LAMP", "available": 7, "sequence": 4}]


def test_what_leaves_available_as_it_is_tells_nothing() -> None:
    """Securing, committing, repeats and refusals."""
    receive("LAMP", 5)
    reservation = reserve({"LAMP": 1})
    services.secure(reservation_id=reservation)
    services.commit(reservation_id=reservation)
    reserve({"LAMP": 1}, reservation_id=reservation)
    with pytest.raises(services.OutOfStock):
        reserve({"LAMP": 9})
    assert len(_told("stock.changed.v1")) == 2


def test_low_stock_is_told_once_until_it_rose_again() -> None:
    """Falling to the reorder point tells once; further falls do not; after a rise above it, again."""
    receive("LAMP", 7)
    reserve({"LAMP": 1})
    assert tasks.announce_low_stock() == 0
    reserve({"LAMP": 1})
    reserve({"LAMP": 1})
    assert tasks.announce_low_stock() == 1
    reserve({"LAMP": 1})
    assert tasks.announce_low_stock() == 0
    receive("LAMP", 5)
    reserve({"LAMP": 5})
    assert tasks.announce_low_stock() == 1
    assert _told("stock.low.v1") == [
        {"sku": "LAMP", "available": 4, "threshold": 5},
        {"sku": "LAMP", "available": 3, "threshold": 5},
    ]


def test_a_first_small_receipt_is_not_a_fall() -> None:
    """Nothing fell: it rose, although not above the reorder point."""
    receive("LAMP", 2)
    assert tasks.announce_low_stock() == 0


def test_a_fall_that_was_made_good_in_time_is_not_told() -> None:
    """Nobody has to act on it any more."""
    receive("LAMP", 6)
    reservation = reserve({"LAMP": 3})
    services.release(reservation_id=reservation)
    assert tasks.announce_low_stock() == 0


def test_raising_the_reorder_point_tells_at_once() -> None:
    """What was enough no longer is; lowering it says nothing and takes back what was not told yet."""
    receive("LAMP", 9)
    _set("LAMP", 9)
    assert tasks.announce_low_stock() == 1
    _set("LAMP", 10)
    assert tasks.announce_low_stock() == 0
    _set("LAMP", 5)
    _set("LAMP", 9)
    _set("LAMP", 5)
    assert tasks.announce_low_stock() == 0
    assert Item.objects.get(pk="LAMP").reorder_point == 5


def _set(sku: str, units: int) -> None:
    services.set_reorder_point(sku=sku, units=units)
