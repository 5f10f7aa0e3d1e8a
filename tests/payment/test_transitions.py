"""Whatever is asked of a payment, in whatever order and however the gateway fails, its books are right."""

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from apps.payment import audit, services, steps
from apps.payment.models import TRANSITIONS, UNDER_WAY, IllegalTransition, Payment, Status
from shop.errors import NoAnswer
from shop.money import Money
from tests.payment.conftest import Tuned, authorise, movements, row
from tests.payment.test_audit import _all_broken, _disagreements
from tests.simulators.servers import GatewayClient

pytestmark = pytest.mark.django_db(transaction=True)

REFUSALS = (
    services.Declined,
    services.Superseded,
    services.AlreadyCaptured,
    services.NotAuthorised,
    services.RefundExceedsCaptured,
    services.UnknownPayment,
    services.ContentDiffers,
    NoAnswer,
)
NOWHERE = "http://127.0.0.1:9"  # refuses connections: the gateway is away


def test_only_the_tables_steps_are_taken() -> None:
    """Every pair of states: allowed exactly where TRANSITIONS says so."""
    for source in Status:
        for target in Status:
            payment = Payment(status=source)
            if target in TRANSITIONS[source]:
                payment.move_to(target)
                assert payment.status == target
            else:
                with pytest.raises(IllegalTransition):
                    payment.move_to(target)


def test_what_is_under_way_can_end() -> None:
    """No state under way is a dead end, and every one leads to a state at rest."""
    for status in UNDER_WAY:
        assert any(target not in UNDER_WAY for target in TRANSITIONS[status])


class OnePayment(RuleBasedStateMachine):
    """Commands of order in any order, with the gateway there or away."""

    bank: GatewayClient
    tuned: Tuned
    address: str

    @initialize(token=st.sampled_from(["tok_always_ok", "tok_declined", "tok_visa"]))
    def unseen(self, token: str) -> None:
        self.payment_id, self.token = uuid4(), token
        self.refunds: list[UUID] = []
        self.seen: list[str] = []
        self.there()

    def _try(self, command: Callable[..., object], **asked: object) -> None:
        with suppress(*REFUSALS):
            command(**asked)
        self._look()

    def _look(self) -> None:
        if found := Payment.objects.filter(pk=self.payment_id).first():
            self.seen += [found.status] if self.seen[-1:] != [found.status] else []

    @rule()
    def away(self) -> None:
        self.tuned(gateway_url=NOWHERE)

    @rule()
    def there(self) -> None:
        self.tuned(gateway_url=self.address)

    @rule()
    def authorise(self) -> None:
        self._try(authorise, payment_id=self.payment_id, token=self.token)

    @rule()
    def capture(self) -> None:
        self._try(services.capture, payment_id=self.payment_id)

    @rule()
    def void(self) -> None:
        self._try(services.void, payment_id=self.payment_id)

    @rule(cents=st.integers(1, 1990))
    def refund(self, cents: int) -> None:
        self.refunds.append(uuid4())
        amount = Money.parse(f"{cents / 100:.2f}", "EUR")
        self._try(services.refund, refund_id=self.refunds[-1], payment_id=self.payment_id, amount=amount)

    @rule()
    def work(self) -> None:
        steps.reconcile()
        self._look()

    def teardown(self) -> None:
        """Once the gateway is there, everything ends by itself, and all books agree."""
        if not hasattr(self, "payment_id"):
            return
        self.there()
        Payment.objects.filter(pk=self.payment_id, due_at__isnull=False).update(due_at="2000-01-01T00:00:00Z")
        while steps.reconcile():
            self._look()
        assert audit.unresolved_attempts() == 0
        assert _all_broken() == {}
        keys = {f"{self.payment_id}:{kind}" for kind in ("authorise", "capture", "void")}
        assert _disagreements(*keys, *(f"{refund_id}:refund" for refund_id in self.refunds)) == {}
        self._steps_are_legal()
        if not Payment.objects.filter(pk=self.payment_id).exists():
            assert movements(self.bank, self.payment_id) == []
        elif row(self.payment_id).status == Status.VOIDED:
            assert [kind for kind, _ in movements(self.bank, self.payment_id)] in ([], ["authorisation", "void"])

    def _steps_are_legal(self) -> None:
        """What was seen from outside lies on the table's paths (a step may pass unseen)."""
        for earlier, later in zip(self.seen, self.seen[1:], strict=False):
            assert Status(later) in _reachable(Status(earlier)), self.seen


def _reachable(source: Status) -> set[Status]:
    found = set(TRANSITIONS[source])
    while more := {target for status in found for target in TRANSITIONS[status]} - found:
        found |= more
    return found


def test_any_order_of_commands_leaves_the_books_right(bank: GatewayClient, tuned: Tuned) -> None:
    """A hundred payments with random lives."""

    class Machine(OnePayment):
        pass

    Machine.bank, Machine.tuned = bank, tuned
    Machine.address = f"http://{bank._http.host}:{bank._http.port}"
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=100, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
