"""One payment's life, against the real gateway."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection

from apps.payment import services, steps
from apps.payment.models import Attempt, Entry, Kind, Payment, Refund, Status, key_of
from shop.errors import NoAnswer
from shop.events.models import Event
from shop.money import Money
from tests.payment.conftest import (
    AMOUNT,
    Tuned,
    authorise,
    captured,
    in_thread,
    movements,
    presented,
    row,
)
from tests.simulators.servers import GatewayClient, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def _reconciled(payment_id: UUID, status: Status) -> bool:
    steps.reconcile()
    return bool(row(payment_id).status == status)


def _events(name: str) -> list[Event]:
    return list(Event.objects.filter(name=name).order_by("sequence"))


def test_authorised(bank: GatewayClient) -> None:
    """The money is held once, the token is gone, one event tells it, nothing is left to do."""
    payment = row(authorise())
    assert (payment.status, payment.authorised, payment.captured) == ("authorised", Decimal("19.90"), 0)
    assert (payment.token, payment.due_at, payment.lease_until) == ("", None, None)
    assert movements(bank, payment.pk) == [("authorisation", "authorised")]
    (told,) = _events("payment.changed.v1")
    assert (told.aggregate, told.sequence) == (str(payment.pk), payment.version)
    assert told.payload["authorised"] == "19.90"
    assert [(a["outcome"], a["code"]) for a in told.payload["attempts"]] == [("authorised", "")]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_declined", "card_declined"),
        ("tok_insufficient_funds", "insufficient_funds"),
        ("tok_nonsense", "invalid_token"),
        ("no token of any gateway", "invalid_token"),
    ],
)
def test_declined(bank: GatewayClient, token: str, code: str) -> None:
    """A decline is an answer: the same at every repeat, without asking the gateway again."""
    payment_id = uuid4()
    for _ in range(2):
        with pytest.raises(services.Declined) as refusal:
            authorise(payment_id, token=token)
        assert refusal.value.code == code
    assert (row(payment_id).status, row(payment_id).token) == ("declined", "")
    assert presented(bank, payment_id, Kind.AUTHORISE) <= 1
    assert not Entry.objects.filter(payment_id=payment_id).exists()


def test_visa_draws_by_reference(bank: GatewayClient) -> None:
    """The same reference has the same luck, whatever the payment."""
    for reference in (f"luck-{n}" for n in range(12)):
        outcomes = {
            type(in_thread(authorise, token="tok_visa", reference=reference)) is services.Declined for _ in range(2)
        }
        assert len(outcomes) == 1


def test_a_reference_the_gateway_would_refuse_is_hashed(bank: GatewayClient) -> None:
    """A client's key of any printable characters cannot park its payment."""
    assert row(authorise(reference="ein Schlüssel mit Leerzeichen")).status == "authorised"


def test_repeat_returns_the_first_result(bank: GatewayClient) -> None:
    """The same id and content asks the gateway once."""
    payment_id = authorise()
    assert authorise(payment_id) == payment_id
    assert presented(bank, payment_id, Kind.AUTHORISE) == 1


@pytest.mark.parametrize("changed", [{"amount": Money.parse("20.00", "EUR")}, {"order_number": "B"}, {"email": ""}])
def test_repeat_with_other_content_is_refused(bank: GatewayClient, changed: dict[str, Any]) -> None:
    """An id names one payment only."""
    payment_id = authorise()
    with pytest.raises(services.ContentDiffers):
        authorise(payment_id, **changed)


def test_fifty_at_once_are_one_authorisation(bank: GatewayClient) -> None:
    """Fifty callers with one id: all hear the one outcome, the gateway sees the key once."""
    payment_id = uuid4()
    with ThreadPoolExecutor(10) as pool:
        heard = list(pool.map(lambda _: in_thread(authorise, payment_id), range(50)))
    assert heard == [payment_id] * 50
    assert movements(bank, payment_id) == [("authorisation", "authorised")]
    assert presented(bank, payment_id, Kind.AUTHORISE) == 1


def test_a_lost_answer_is_found_out(bank: GatewayClient) -> None:
    """No answer the first time; the repeat, under the same key, brings it. One authorisation."""
    payment_id = uuid4()
    with pytest.raises(NoAnswer):
        authorise(payment_id, token="tok_timeout_then_ok")
    assert row(payment_id).status == "authorising"
    wait_for(lambda: _reconciled(payment_id, Status.AUTHORISED), limit_s=5)
    assert authorise(payment_id, token="tok_timeout_then_ok") == payment_id
    assert movements(bank, payment_id) == [("authorisation", "authorised")]


def test_a_repeat_by_the_caller_resumes(bank: GatewayClient) -> None:
    """After a failed try the caller need not wait for the worker's backoff."""
    payment_id = uuid4()
    with pytest.raises(NoAnswer):
        authorise(payment_id, token="tok_timeout_then_ok")
    assert authorise(payment_id, token="tok_timeout_then_ok") == payment_id
    assert row(payment_id).due_at is None


def test_an_outage_ends_in_a_void(bank: GatewayClient) -> None:
    """Unknown at the caller's deadline, and voided by it: authorised after the outage, then let go."""
    payment_id = uuid4()
    with pytest.raises(NoAnswer):
        authorise(payment_id, token="tok_unavailable")
    services.void(payment_id=payment_id)
    assert row(payment_id).void_requested
    with pytest.raises(services.Superseded):
        authorise(payment_id, token="tok_unavailable")
    wait_for(lambda: _reconciled(payment_id, Status.VOIDED), limit_s=8)
    assert movements(bank, payment_id) == [("authorisation", "authorised"), ("void", "voided")]
    assert (row(payment_id).authorised, row(payment_id).token) == (0, "")


def test_a_tombstone_supersedes_the_late_command(bank: GatewayClient) -> None:
    """Voided before it ever arrived: the late authorise moves nothing."""
    payment_id = uuid4()
    services.void(payment_id=payment_id)
    services.void(payment_id=payment_id)
    with pytest.raises(services.Superseded):
        authorise(payment_id)
    with pytest.raises(services.Superseded):
        services.capture(payment_id=payment_id)
    assert row(payment_id).status == "voided"
    assert movements(bank, payment_id) == []


def test_void_of_an_authorisation(bank: GatewayClient) -> None:
    """Accepted at once, done by the worker, told once."""
    payment_id = authorise()
    services.void(payment_id=payment_id)
    assert row(payment_id).status == "voiding"
    wait_for(lambda: _reconciled(payment_id, Status.VOIDED), limit_s=5)
    services.void(payment_id=payment_id)
    assert movements(bank, payment_id) == [("authorisation", "authorised"), ("void", "voided")]
    assert [told.payload["status"] for told in _events("payment.changed.v1")] == ["authorised", "voided"]


def test_capture(bank: GatewayClient) -> None:
    """The whole amount is taken, once; a void is too late then."""
    payment_id = captured()
    services.capture(payment_id=payment_id)
    assert (row(payment_id).status, row(payment_id).captured) == ("captured", Decimal("19.90"))
    told = _events("payment.changed.v1")[-1].payload["attempts"]
    assert [attempt["outcome"] for attempt in told] == ["authorised", "captured"]
    assert presented(bank, payment_id, Kind.CAPTURE) == 1
    with pytest.raises(services.AlreadyCaptured):
        services.void(payment_id=payment_id)


def test_capture_refused_then_voided(bank: GatewayClient) -> None:
    """A refused capture stays refused, and the payment can still be let go."""
    payment_id = authorise()
    bank.void(Attempt.objects.get(pk=key_of(Kind.AUTHORISE, payment_id)).gateway_id)  # behind the shop's back
    for _ in range(2):
        with pytest.raises(services.CaptureRefused) as refusal:
            services.capture(payment_id=payment_id)
        assert refusal.value.code == "already_voided"
    services.void(payment_id=payment_id)
    wait_for(lambda: _reconciled(payment_id, Status.VOIDED), limit_s=5)


def test_a_void_waits_for_a_capture_in_doubt(bank: GatewayClient, tuned: Tuned) -> None:
    """While nobody knows whether the money was taken, a void is neither accepted nor refused."""
    payment_id, address = authorise(), f"http://{bank._http.host}:{bank._http.port}"
    tuned(gateway_url="http://127.0.0.1:9")
    with pytest.raises(NoAnswer):
        services.capture(payment_id=payment_id)
    with pytest.raises(services.InProgress):
        services.void(payment_id=payment_id)
    tuned(gateway_url=address)
    wait_for(lambda: _reconciled(payment_id, Status.CAPTURED), limit_s=5)
    assert presented(bank, payment_id, Kind.CAPTURE) == 1


def test_capture_needs_an_authorisation(bank: GatewayClient) -> None:
    """Neither an unseen payment nor a declined one can be captured."""
    with pytest.raises(services.UnknownPayment):
        services.capture(payment_id=uuid4())
    payment_id = uuid4()
    assert isinstance(in_thread(authorise, payment_id, token="tok_declined"), services.Declined)
    with pytest.raises(services.NotAuthorised):
        services.capture(payment_id=payment_id)


def test_refunds(bank: GatewayClient) -> None:
    """Parts add up to the whole, and no further; each is told to the customer once."""
    payment_id, first = captured(), uuid4()
    for _ in range(2):
        made = services.refund(refund_id=first, payment_id=payment_id, amount=Money.parse("5.00", "EUR"))
        assert made.status == "succeeded"
    services.refund(refund_id=uuid4(), payment_id=payment_id, amount=Money.parse("14.90", "EUR"))
    with pytest.raises(services.RefundExceedsCaptured):
        services.refund(refund_id=uuid4(), payment_id=payment_id, amount=Money.parse("0.01", "EUR"))
    assert (row(payment_id).refunded, row(payment_id).refunding) == (Decimal("19.90"), 0)
    assert [told.payload["amount"]["amount"] for told in _events("payment.refunded.v1")].count("5.00") == 1


def test_refund_ids_name_one_refund(bank: GatewayClient) -> None:
    """Another amount or another currency under the same id is refused."""
    payment_id, refund_id = captured(), uuid4()
    services.refund(refund_id=refund_id, payment_id=payment_id, amount=Money.parse("1.00", "EUR"))
    for other in (Money.parse("2.00", "EUR"), Money.parse("1", "JPY")):
        with pytest.raises(services.ContentDiffers):
            services.refund(refund_id=refund_id, payment_id=payment_id, amount=other)


def test_racing_refunds_never_exceed(bank: GatewayClient) -> None:
    """Of two refunds that together exceed the capture, exactly one is made."""
    payment_id = captured()

    def give_back(_: int) -> object:
        return in_thread(services.refund, refund_id=uuid4(), payment_id=payment_id, amount=Money.parse("12.00", "EUR"))

    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(give_back, range(2)))
    assert sorted(type(each).__name__ for each in heard) == ["Refund", "RefundExceedsCaptured"]
    steps.reconcile()
    assert row(payment_id).refunded == Decimal("12.00")


def test_without_the_lock_racing_refunds_meet_the_constraint(bank: GatewayClient) -> None:
    """The control: what the service's check would let through, the database refuses."""
    payment_id = captured()
    with pytest.raises(DatabaseError, match="payment_refunds_le_captured"), connection.cursor() as cursor:
        cursor.execute("UPDATE payment_payment SET refunding = 20, due_at = now() WHERE id = %s", [payment_id])


def test_a_refund_without_an_answer_is_pending(bank: GatewayClient, tuned: Tuned) -> None:
    """It counts as given back at once; the worker finishes it when the gateway is there again."""
    payment_id, refund_id, address = captured(), uuid4(), f"http://{bank._http.host}:{bank._http.port}"
    tuned(gateway_url="http://127.0.0.1:9")
    made = services.refund(refund_id=refund_id, payment_id=payment_id, amount=AMOUNT)
    assert (made.status, row(payment_id).refunding) == ("pending", AMOUNT.amount)
    with pytest.raises(services.RefundExceedsCaptured):
        services.refund(refund_id=uuid4(), payment_id=payment_id, amount=Money.parse("0.01", "EUR"))
    tuned(gateway_url=address)
    wait_for(lambda: bool(steps.reconcile()), limit_s=5)
    assert Refund.objects.get(pk=refund_id).status == "succeeded"
    assert services.refund(refund_id=refund_id, payment_id=payment_id, amount=AMOUNT).status == "succeeded"


def test_a_refund_the_gateway_refuses(bank: GatewayClient) -> None:
    """Given back behind the shop's back already: refused for good, and the amount is free again."""
    payment_id, refund_id = captured(), uuid4()
    bank.refund(Attempt.objects.get(pk=key_of(Kind.CAPTURE, payment_id)).gateway_id, "19.90")
    for _ in range(2):
        with pytest.raises(services.RefundRefused) as refusal:
            services.refund(refund_id=refund_id, payment_id=payment_id, amount=AMOUNT)
        assert refusal.value.code == "refund_exceeds_captured"
    assert (row(payment_id).refunded, row(payment_id).refunding, row(payment_id).due_at) == (0, 0, None)


def test_an_undefined_answer_parks(bank: GatewayClient, tuned: Tuned) -> None:
    """A wrong API key is nothing a repeat will cure: parked with its reason, until a person retries."""
    payment_id = uuid4()
    tuned(gateway_key="wrong")
    with pytest.raises(NoAnswer):
        authorise(payment_id)
    assert row(payment_id).parked_reason == "authorise: 401 invalid_api_key"
    assert steps.reconcile() == 0
    with pytest.raises(NoAnswer):
        authorise(payment_id)
    tuned(gateway_key="test-gateway-key")
    assert services.retry(payment_id=payment_id)
    assert steps.reconcile() == 1
    assert row(payment_id).status == "authorised"
    assert not services.retry(payment_id=payment_id)


def test_a_day_without_an_answer_parks(bank: GatewayClient, tuned: Tuned) -> None:
    """After PARK_AFTER_S a person is told, instead of trying for ever."""
    payment_id = uuid4()
    tuned(gateway_url="http://127.0.0.1:9", park_after_s=0)
    with pytest.raises(NoAnswer):
        authorise(payment_id)
    assert row(payment_id).parked_reason.startswith("authorise: no answer since ")


def test_a_dead_holders_step_is_resumed_after_its_lease(bank: GatewayClient) -> None:
    """The intent is committed and the holder gone: a repeat waits for the lease, then asks under the same key."""
    payment_id = uuid4()
    asked = {"order_number": "AAAAAAAAAA", "reference": f"ref-{payment_id}", "email": "guest@example.com"}
    payment = Payment(id=payment_id, amount="19.90", currency="EUR", token="tok_always_ok", **asked)
    claim = services._intend_authorisation(asked=payment)  # ... and nothing more: the process died here
    assert claim is not None
    assert authorise(payment_id) == payment_id
    assert presented(bank, payment_id, Kind.AUTHORISE) == 1


def test_a_late_holder_writes_nothing(bank: GatewayClient) -> None:
    """Once the lease has gone to another, the first holder's result is dropped."""
    payment_id = uuid4()
    asked = {"order_number": "AAAAAAAAAA", "reference": f"ref-{payment_id}", "email": "guest@example.com"}
    payment = Payment(id=payment_id, amount="19.90", currency="EUR", token="tok_always_ok", **asked)
    claim = services._intend_authorisation(asked=payment)
    assert claim is not None
    authorise(payment_id)
    version = row(payment_id).version
    assert steps.take(claim) is None
    assert row(payment_id).version == version
    assert Entry.objects.filter(payment_id=payment_id).count() == 1


def test_a_holder_still_at_work_is_no_answer(bank: GatewayClient, tuned: Tuned) -> None:
    """A repeat waits no longer than its deadline."""
    payment_id = uuid4()
    asked = {"order_number": "AAAAAAAAAA", "reference": f"ref-{payment_id}", "email": "guest@example.com"}
    payment = Payment(id=payment_id, amount="19.90", currency="EUR", token="tok_always_ok", **asked)
    services._intend_authorisation(asked=payment)
    tuned(peer_timeout_s=0.1)
    with pytest.raises(services.InProgress):
        authorise(payment_id)


def test_a_holder_that_lost_its_lease_writes_nothing(bank: GatewayClient) -> None:
    """The gateway's answer reaches a holder too late: another one has the step now, and writes it."""
    payment_id = authorise()
    claim = services._intend_capture(payment_id=payment_id)
    assert claim
    Payment.objects.filter(pk=payment_id).update(lease_epoch=claim.payment.lease_epoch + 1)
    assert steps.take(claim) is None
    found = row(payment_id)
    assert (found.status, found.captured) == (Status.CAPTURING, 0)
    assert Attempt.objects.get(pk=claim.attempt.pk).settled_at is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payment_entry SET amount = 1",
        "DELETE FROM payment_entry",
        "UPDATE payment_attempt SET outcome = 'declined'",
        "DELETE FROM payment_attempt",
    ],
)
def test_the_ledger_is_append_only(bank: GatewayClient, statement: str) -> None:
    """The database refuses to change history, whoever asks."""
    authorise()
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_authorisation_costs_few_statements(
    bank: GatewayClient, django_assert_num_queries: object, settings: object
) -> None:
    """Two commits: intent, and result with its event."""
    authorise()  # warm
    with django_assert_num_queries(8):  # type: ignore[operator]  # BEGIN and COMMIT count, twice
        authorise()
