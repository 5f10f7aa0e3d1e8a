"""Giving money back: never more than was taken, each time once, every cent on a line."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from django.db import connection

from apps.order import refunds
from apps.order.models import Refund, RefundStatus
from apps.payment import client as payment
from shop import context
from shop.money import Money
from tests.order.test_flow import at_once
from tests.order.world import Answer, Caller, Tuned, World, broken, order, timeline
from tests.simulators.servers import GatewayClient


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


@pytest.fixture
def as_order() -> Iterator[None]:
    """The test does order's work itself."""
    with context.working_as("order"):
        yield


def whole(number: str, *, lease_s: float = 60) -> Refund:
    """A refund of all that an order cost, written and not asked for, which the test holds."""
    found = order(number)
    total = found.money(found.total)
    return refunds.open_refund(refund_id=uuid4(), order_id=found.pk, amount=total, lease_s=lease_s)


def told(made: Refund) -> tuple[str, str, bool, str]:
    made.refresh_from_db()
    return made.status, made.code, made.parked, made.parked_reason


def test_what_the_gateway_refuses_can_be_asked_for_again(shop: World, as_order: None, gateway: GatewayClient) -> None:
    """The refusal is kept with its code and on the timeline; the money counts as not given back."""
    number = delivered(shop)
    books = gateway.books(reference=order(number).payment_reference)
    (taken,) = [line for line in books if line["kind"] == "capture"]
    assert gateway.refund(taken["id"], taken["amount"]).status == 201  # behind our back
    asked = refund(shop.staff(), number, "10.00")
    assert (asked.status, asked.problem) == (409, "refund-refused"), asked
    assert told(Refund.objects.get()) == ("refused", "refund_exceeds_captured", False, "")
    assert timeline(number)[4:] == ["refund-requested", "refund-refused"]
    assert refunds.left_to_refund(order(number)) == order(number).total


def test_what_payment_has_given_back_already_is_refused(shop: World, as_order: None) -> None:
    """Payment's own books have the last word on how much is left."""
    number = delivered(shop)
    made = whole(number)
    payment.refund(refund_id=uuid4(), payment_id=order(number).payment_id, amount=Money.parse("1.00", "EUR"))
    refunds.drive(made, timeout_s=5)
    assert told(made)[:2] == ("refused", refunds.EXCEEDS)


def test_an_answer_nobody_thought_of_parks_a_refund(shop: World, as_order: None) -> None:
    """It waits for a person with the reason, and stops no other; once retried it goes on under its id."""
    number = delivered(shop)
    made = whole(number)
    made.order.payment_id = uuid4()  # which payment has never heard of
    refunds.drive(made, timeout_s=5)
    status, _, parked, reason = told(made)
    assert (status, parked, reason.startswith("UndefinedAnswer")) == ("pending", True, True), reason
    assert (refunds.resume_due(), ("refund-parked", str(made.pk)) in broken()) == (0, True)
    assert (refunds.retry(refund_id=made.pk), refunds.retry(refund_id=made.pk)) == (True, False)
    shop.work(until=lambda: told(made)[0] == "succeeded")


def test_silence_for_too_long_parks_a_refund(shop: World, as_order: None, tuned: Tuned) -> None:
    """Not at the first call without an answer, but once that is long ago."""
    made = whole(delivered(shop))
    refunds.drive(made, timeout_s=0)
    assert told(made) == ("pending", "", False, "")
    tuned(park_after_s=0, peer_timeout_s=0)
    shop.work(until=lambda: told(made)[2])
    assert told(made)[3].startswith("no answer since")


def test_a_holder_that_lost_its_lease_writes_nothing_of_a_refund(shop: World, as_order: None) -> None:
    """Another one has it now: neither an outcome, nor a pause, nor a reason to park."""
    number = delivered(shop)
    late = whole(number)
    Refund.objects.filter(pk=late.pk).update(lease_epoch=late.lease_epoch + 1)
    before = Refund.objects.values().get(pk=late.pk)
    refunds.conclude(refund=late, status=RefundStatus.REFUSED, code="late")
    refunds.wait(refund=late)
    refunds.park(refund=late, reason="late")
    assert Refund.objects.values().get(pk=late.pk) == before
    assert timeline(number)[4:] == ["refund-requested"]


def test_refunds_there_is_no_time_for_are_anybodys(shop: World, as_order: None, tuned: Tuned) -> None:
    """A batch whose lease is half gone is let go, untouched and due at once."""
    made = whole(delivered(shop), lease_s=0)
    tuned(lease_s=0)
    assert refunds.resume_due() == 1
    made.refresh_from_db()
    assert (made.status, made.lease_until, made.attempts) == ("pending", None, 0)
    tuned(lease_s=2)
    assert refunds.resume_due() == 1
    assert told(made)[0] == "succeeded"


def units(number: str, wanted: Mapping[str, int], *, refund_id: UUID | None = None, shipping: bool = False) -> Refund:
    with context.working_as("order"):
        order_id = order(number).pk
        return refunds.refund_units(refund_id=refund_id or uuid4(), order_id=order_id, units=wanted, shipping=shipping)


def test_an_amount_is_given_back_once_under_one_id(shop: World, as_order: None) -> None:
    """Whoever sends it again gets the same refund, also where there would be money left for a second."""
    found, one = order(delivered(shop)), uuid4()
    made = [refunds.refund(refund_id=one, order_id=found.pk, amount=Money.parse("5.00", "EUR")) for _ in range(2)]
    assert ([each.pk for each in made], found.refunds.count()) == ([one, one], 1)


def test_units_are_given_back_once(shop: World) -> None:
    """Under one id one refund; of eight who give the same unit back at once one does."""
    sku, one = shop.sku(2, price="10.00"), uuid4()
    number = shop.reach(shop.customer().buy({sku: 2}).body["number"], "delivered").number
    made = [units(number, {sku: 1}, refund_id=one) for _ in range(2)]
    assert {each.pk for each in made} == {one}

    def again(_: int) -> bool:
        try:
            units(number, {sku: 1})
        except refunds.UnitsNotLeft:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(again, range(8))) == 1
    assert [each.units for each in order(number).refunds.all()] == [{sku: 1}] * 2
    assert broken() == set()


def test_units_that_are_not_there_are_refused(shop: World, tuned: Tuned) -> None:
    """Of another order, more than were bought, fewer than none, none at all, or before they were paid for."""
    sku = shop.sku(3, price="10.00")
    number = shop.reach(shop.customer().buy({sku: 2}).body["number"], "delivered").number
    for wanted in ({"NOPE": 1}, {sku: 3}, {sku: -1}):
        with pytest.raises(refunds.UnitsNotLeft):
            units(number, wanted)
    for wanted in ({}, {sku: 0}):
        with pytest.raises(refunds.NothingToRefund):
            units(number, wanted)
    tuned(fulfilment_delay_s=60)
    unpaid = shop.customer().buy({sku: 1}).body["number"]
    with pytest.raises(refunds.RefundExceedsCaptured):
        units(unpaid, {sku: 1})
    assert not Refund.objects.exists()


def test_units_and_amounts_together_never_exceed_what_was_paid(shop: World) -> None:
    """What an amount has taken from a line is not given back with its units a second time."""
    sku = shop.sku(3, price="10.00")
    number = shop.reach(shop.customer().buy({sku: 3}).body["number"], "delivered").number
    assert refund(shop.staff(), number, "20.00").status == 201
    for _ in range(3):
        try:
            units(number, {sku: 1})
        except refunds.NothingToRefund:
            break
    given = sum(each.amount for each in order(number).refunds.all())
    (line,) = order(number).line_items
    assert given <= order(number).total
    assert refunds.given_back(order(number))[0] == line.total
    assert broken() == set()
