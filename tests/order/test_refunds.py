"""Giving money back: never more than was taken, each time once, every cent on a line."""

from uuid import uuid4

import pytest

from apps.order import refunds
from apps.order.models import Refund
from shop import context
from tests.order.test_flow import at_once
from tests.order.world import Answer, Caller, Tuned, World, broken, order, timeline


def refund(who: Caller, number: str, amount: str, *, key: str = "", currency: str = "EUR") -> Answer:
    body = {"amount": {"amount": amount, "currency": currency}}
    return who.post(f"/order/orders/{number}/refunds", body, key=key or uuid4().hex)


def delivered(shop: World, price: str = "30.00") -> str:
    number = shop.customer().buy({shop.sku(1, price=price): 1}).body["number"]
    return str(shop.reach(number, "delivered").number)


def test_parts_until_the_whole(shop: World) -> None:
    """A part, its replay, too much, then exactly the rest; the shares are each line's and shipping's price."""
    number, staff, key = delivered(shop), shop.staff(), uuid4().hex
    first = refund(staff, number, "10.00", key=key)
    assert (first.status, first.body["status"], first.body["amount"]["amount"]) == (201, "succeeded", "10.00"), first
    replay = refund(staff, number, "10.00", key=key)
    assert (replay.body["id"], replay.headers["Idempotency-Replayed"]) == (first.body["id"], "true")
    assert refund(staff, number, "24.91").problem == "refund-exceeds-captured"
    assert refund(staff, number, "24.90").status == 201
    page = staff.get(f"/order/orders/{number}").body
    assert page["refunded"] == page["total"]
    assert sum(float(each["shipping"]["amount"]) for each in page["refunds"]) == pytest.approx(4.90)
    assert timeline(number)[4:] == ["refund-requested", "refunded"] * 2
    assert broken() == set()


def test_refunds_at_once_share_one_limit(shop: World) -> None:
    """Six refunds of a third each: three succeed."""
    number, staff = delivered(shop), shop.staff()
    answers = at_once(lambda _: refund(staff, number, "10.00"), range(6))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [409] * 3


def test_nothing_is_refunded_before_it_is_captured(shop: World, tuned: Tuned) -> None:
    """An authorisation is not money that was taken."""
    tuned(fulfilment_delay_s=60)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    assert refund(shop.staff(), number, "1.00").problem == "refund-exceeds-captured"


@pytest.mark.parametrize(
    ("amount", "currency"), [("0", "EUR"), ("-1.00", "EUR"), ("1.001", "EUR"), ("1.00", "USD"), ("NaN", "EUR")]
)
def test_nonsense_is_refused(shop: World, amount: str, currency: str) -> None:
    """400, and nothing happens."""
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    refused = refund(shop.staff(), number, amount, currency=currency)
    assert (refused.status, refused.problem) == (400, "invalid")
    assert not Refund.objects.exists()


def test_only_staff_refund(shop: World) -> None:
    """403 for the buyer, 401 for strangers, 400 without a key."""
    who = shop.customer()
    number = who.buy({shop.sku(1): 1}).body["number"]
    assert refund(who, number, "1.00").status == 403
    assert refund(shop.guest, number, "1.00").status in {401, 403}
    body = {"amount": {"amount": "1.00", "currency": "EUR"}}
    assert shop.staff().post(f"/order/orders/{number}/refunds", body).problem == "idempotency-key-required"


def test_a_refund_without_an_answer_in_time_stays_pending(shop: World, tuned: Tuned) -> None:
    """201 all the same: it is written, and the job asks until payment answers."""
    number = delivered(shop)
    tuned(order_budget_s=0.001)
    asked = refund(shop.staff(), number, "10.00")
    assert (asked.status, asked.body["status"]) == (201, "pending")
    shop.work(until=lambda: Refund.objects.get(pk=asked.body["id"]).status == "succeeded")


def test_a_refund_whose_holder_died_is_resumed(shop: World) -> None:
    """Written and never asked for: the job asks, once."""
    number = delivered(shop)
    with context.working_as("order"):
        found = order(number)
        made = refunds.open_refund(refund_id=uuid4(), order_id=found.pk, amount=found.money(found.total), lease_s=0)
    shop.work(until=lambda: Refund.objects.get(pk=made.pk).status == "succeeded")
    assert timeline(number)[4:] == ["refund-requested", "refunded"]
    assert broken() == set()
