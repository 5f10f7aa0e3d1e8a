"""The audit's rules name what is broken; the facts agree with the gateway's books."""

from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from apps.payment import audit, services, steps
from apps.payment.models import Kind, key_of
from shop.audit import registry
from shop.audit.agreements import books
from shop.errors import NoAnswer
from shop.money import Money
from tests.payment.conftest import AMOUNT, authorise, captured, in_thread
from tests.simulators.servers import GatewayClient, new_name

pytestmark = pytest.mark.django_db(transaction=True)


def _broken(rule: str) -> set[str]:
    """Ids that one rule names."""
    with connection.cursor() as cursor:
        cursor.execute(registry.book_of("payment").rules[rule])
        return {row[0] for row in cursor.fetchall()}


def _all_broken() -> dict[str, set[str]]:
    return {rule: ids for rule in registry.book_of("payment").rules if (ids := _broken(rule))}


_CORRUPTIONS = {
    "counters-equal-ledger": "UPDATE payment_payment SET refunded = 3 WHERE id = %(id)s",
    "refunds-equal-counters": "UPDATE payment_refund SET amount = 2 WHERE payment_id = %(id)s",
    "refunds-within-captured": "UPDATE payment_payment SET refunded = 20 WHERE id = %(id)s",
    "captured-within-authorised": "UPDATE payment_payment SET captured = 20 WHERE id = %(id)s",
    "status-has-its-sums": "UPDATE payment_payment SET status = 'authorised' WHERE id = %(id)s",
    "at-rest-is-resolved": "UPDATE payment_attempt SET settled_at = NULL, outcome = '' WHERE key = %(capture)s",
    "under-way-has-attempt": "UPDATE payment_payment SET due_at = now() WHERE id = %(id)s",
    "attempt-equals-entry": "DELETE FROM payment_entry WHERE attempt_id = %(capture)s",
    "refund-equals-attempt": "UPDATE payment_refund SET status = 'pending' WHERE payment_id = %(id)s",
    "entry-currency": "UPDATE payment_entry SET currency = 'USD' WHERE attempt_id = %(capture)s",
    "token-dropped": "UPDATE payment_payment SET token = 'tok_visa' WHERE id = %(id)s",
    "payment-parked": "UPDATE payment_payment SET parked_reason = 'a test' WHERE id = %(id)s",
}
_NAMED_BY = {"attempt-equals-entry": "capture", "refund-equals-attempt": "refund"}


def _names() -> dict[str, str]:
    """A captured payment with a refund: its ids and keys."""
    payment_id, refund_id = captured(), uuid4()
    services.refund(refund_id=refund_id, payment_id=payment_id, amount=Money.parse("1.00", "EUR"))
    return {"id": str(payment_id), "refund": str(refund_id), "capture": key_of(Kind.CAPTURE, payment_id)}


@pytest.mark.parametrize("rule", _CORRUPTIONS)
def test_a_corrupted_row_is_named(bank: GatewayClient, rule: str) -> None:
    """With the database's own defences down, one row that breaks the rule is found, by id, and only that one."""
    _names()
    names = _names()
    assert _broken(rule) == set()
    with transaction.atomic(), connection.cursor() as cursor:
        for constraint in ("refunds_le_captured", "status_has_its_sums", "under_way_is_due"):
            cursor.execute(f"ALTER TABLE payment_payment DROP CONSTRAINT payment_{constraint}")
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers
        cursor.execute(_CORRUPTIONS[rule], names)
        assert cursor.rowcount == 1
        found = _broken(rule)
        transaction.set_rollback(True)
    assert found == {names[_NAMED_BY.get(rule, "id")]}


def test_every_rule_has_its_corruption() -> None:
    """No rule is left unproven; the outbox's have their tests with the outbox."""
    rules = set(registry.book_of("payment").rules)
    assert rules - set(_CORRUPTIONS) == {"event-parked", "event-undelivered"}


def test_what_happened_leaves_nothing_to_name(bank: GatewayClient) -> None:
    """Every way a payment can end is clean, and nothing is pending then."""
    _names()
    services.void(payment_id=uuid4())
    in_thread(authorise, token="tok_declined")
    services.void(payment_id=authorise())
    assert audit.unresolved_attempts() == 1
    steps.reconcile()
    assert audit.unresolved_attempts() == 0
    assert _all_broken() == {}


def _disagreements(*keys: str) -> dict[str, str]:
    """What comparing both books by these keys finds."""
    ours = {fact["id"]: fact for fact in audit.entries(keys, "", 1000)}
    theirs = {fact["id"]: fact for fact in audit.gateway(keys, "", 1000)}
    found = {key: books(ours.get(key), theirs.get(key)) for key in {*ours, *theirs}}
    return {key: detail for key, detail in found.items() if detail}


def _keys(payment_id: UUID) -> list[str]:
    return [key_of(kind, payment_id) for kind in (Kind.AUTHORISE, Kind.CAPTURE, Kind.VOID)]


def test_the_books_agree(bank: GatewayClient) -> None:
    """Authorised, captured, refunded and voided movements are the same on both sides, by key."""
    names, let_go = _names(), authorise()
    services.void(payment_id=let_go)
    steps.reconcile()
    keys = [*_keys(UUID(names["id"])), *_keys(let_go), key_of(Kind.REFUND, UUID(names["refund"]))]
    assert len(audit.entries(keys, "", 1000)) == 5
    assert _disagreements(*keys) == {}


def test_a_movement_the_shop_does_not_know_is_found(bank: GatewayClient) -> None:
    """What someone did at the gateway behind the shop's back is named by its key."""
    key = new_name("stray")
    bank.authorise("tok_always_ok", key=key)
    assert list(_disagreements(key)) == [key]


def test_a_movement_the_gateway_does_not_know_is_found(bank: GatewayClient) -> None:
    """An entry with another amount than the gateway's is named by its key."""
    payment_id = authorise()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payment_entry SET amount = 1 WHERE payment_id = %s", [payment_id])
    assert list(_disagreements(*_keys(payment_id))) == [key_of(Kind.AUTHORISE, payment_id)]


def test_what_is_not_at_rest_is_not_compared(bank: GatewayClient) -> None:
    """The gateway has authorised and its answer is lost: pending, not a disagreement."""
    payment_id = uuid4()
    with pytest.raises(NoAnswer):
        authorise(payment_id, token="tok_timeout_then_ok")
    assert _disagreements(*_keys(payment_id)) == {}
    assert audit.unresolved_attempts() == 1


def test_facts_are_paged_in_the_order_of_their_ids(bank: GatewayClient) -> None:
    """Pages of two bring everything once, ascending, from each reader; ids alone bring those."""
    mine = sorted(str(authorise()) for _ in range(5))
    for reader in (audit.payments, audit.entries, audit.gateway):
        found: list[str] = []
        while page := reader(None, found[-1] if found else "", 2):
            found += [fact["id"] for fact in page]
        assert found == sorted(set(found))
        assert set(mine) <= {each.partition(":")[0] for each in found}
        assert [fact["id"] for fact in reader(found[:1], "", 1000)] == found[:1]
    assert audit.payments(["", "no-uuid", str(uuid4())], "", 10) == []


def test_a_fact_of_a_payment_says_what_is_held(bank: GatewayClient) -> None:
    """``authorised`` is net of voids, in the currency's own decimals."""
    kept, let_go = authorise(), authorise(amount=Money.parse("1990", "JPY"))
    services.void(payment_id=let_go)
    steps.reconcile()
    facts = {fact["id"]: fact for fact in audit.payments([str(kept), str(let_go)], "", 10)}
    assert (facts[str(kept)]["authorised"], facts[str(kept)]["status"]) == (AMOUNT.json()["amount"], "authorised")
    assert (facts[str(let_go)]["authorised"], facts[str(let_go)]["status"]) == ("0", "voided")
