"""Calls between roles inside one process; over HTTP the black-box suite covers the same."""

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import translation

from shop import context, faults, local_transport, transport
from shop.env import env
from shop.errors import NoAnswer
from shop.identity import credentials
from shop.roles import OPERATOR, ROLES, pairs

pytestmark = pytest.mark.django_db(transaction=True)


def _pending(role: str = "order") -> transport.Reply:
    return transport.get(role, f"/{role}/internal/audit/pending", purpose=OPERATOR)


def test_an_answer_arrives() -> None:
    """The view's own answer, through authentication and rendering."""
    with context.working_as(OPERATOR):
        reply = _pending()
    assert (reply.status, reply.problem) == (200, None)
    assert reply.body["deliveries"] == 0


def test_refuses_inside_a_transaction() -> None:
    """A call would hold the transaction's locks for as long as the peer likes."""
    with context.working_as(OPERATOR), transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        _pending()


def test_a_pair_outside_the_table_is_refused_by_the_caller() -> None:
    """What shop/roles.py does not list is never sent."""
    with context.working_as("payment"), pytest.raises(transport.NotPermitted):
        transport.get("order", "/order/internal/audit/pending")


def test_a_pair_outside_the_table_is_refused_by_the_callee() -> None:
    """A role with a valid key of its own still reaches only whom the table names."""
    for caller in ROLES:
        token = credentials.mint(caller=caller, callee="order")
        answer = Client().get("/order/internal/audit/pending", headers={credentials.HEADER: token})
        assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_a_pair_is_permitted_its_own_endpoints_alone() -> None:
    """Product opens stock at inventory and reserves none: refused by the caller, and by the callee."""
    path = "/inventory/internal/reservations"
    with context.working_as("product"), pytest.raises(transport.NotPermitted):
        transport.post("inventory", path, json_body={})
    token = credentials.mint(caller="product", callee="inventory")
    answer = Client().post(path, {}, content_type="application/json", headers={credentials.HEADER: token})
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1]) == (403, "not-a-caller")


def test_internal_paths_do_not_exist_without_a_credential() -> None:
    """Neither for strangers nor with a forged credential does an internal path do anything."""
    assert Client().get("/order/internal/audit/pending").status_code == 404
    forged = Client().get("/order/internal/audit/pending", headers={credentials.HEADER: "a.b.c"})
    assert forged.status_code == 401


def test_the_callers_context_is_its_own_afterwards() -> None:
    """Role, deadline, language and open connection survive a call unchanged."""
    with context.working_as(OPERATOR), context.deadline(9), translation.override("de"):
        before, backend = context.remaining(), connection.connection
        _pending()
        after = context.remaining()
        assert context.current_role() == OPERATOR
        assert translation.get_language() == "de"
        assert before is not None
        assert after is not None
        assert 0 < after <= before
        assert backend is None or connection.connection is backend


def test_no_time_left_is_no_answer() -> None:
    """A call that cannot be answered in time is not sent."""
    with context.working_as(OPERATOR), context.deadline(0), pytest.raises(NoAnswer):
        _pending()


def test_a_request_gets_a_context_of_its_own() -> None:
    """A deadline of one request never reaches the next one on the same thread."""
    headers = {"Accept": "application/json", "X-Deadline-Ms": "1"}
    assert local_transport.send("GET", "/order", headers, b"")[0] == 200
    assert context.remaining() is None


def test_a_deadline_without_a_credential_means_nothing() -> None:
    """A stranger cannot make a request fail by a header."""
    answer = Client().get("/health", headers={"X-Deadline-Ms": "0"})
    assert answer.status_code == 200


def test_hooks_are_off_by_default() -> None:
    """Without FAULTS_DIR no fault can be armed."""
    assert env.faults is None
    faults.at("anything")


def test_the_table_is_closed() -> None:
    """Every pair names roles of the table, and nobody reaches itself but the operator reaches all."""
    found = list(pairs())
    assert len(found) == len(set(found))
    assert {pair.target for pair in found if pair.source == OPERATOR} == set(ROLES)
    assert all(pair.source != pair.target for pair in found)
