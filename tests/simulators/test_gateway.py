"""The gateway's contract, over HTTP."""

import os
import secrets
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from simulators.gateway.cards import outcome
from tests.simulators.servers import (
    HANG_S,
    OUTAGE_S,
    ROOT,
    GatewayClient,
    Reply,
    gateway_environment,
    new_name,
    start_gateway,
    wait_for,
)

VALID: dict[str, Any] = {"amount": "19.90", "currency": "EUR", "token": "tok_always_ok", "reference": "r"}
BAD_VALUES: dict[str, list[Any]] = {
    "amount": ["0.00", "-1.00", "1e3", "NaN", "", "1.999", "9" * 20, 19.9, None, []],
    "currency": ["EURO", "eur", "", 1, None],
    "reference": ["", "a b", "a\u0000b", "\ud800", "x" * 256, None, {}],
    "token": ["", "tok\n", None, 7],
}


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.body["error"]["code"]


@pytest.mark.parametrize(
    ("token", "status", "decline_code"),
    [
        ("tok_always_ok", "authorised", None),
        ("tok_declined", "declined", "card_declined"),
        ("tok_insufficient_funds", "declined", "insufficient_funds"),
        ("tok_nobody_knows", "declined", "invalid_token"),
    ],
)
def test_tokens_with_a_fixed_outcome(gateway: GatewayClient, token: str, status: str, decline_code: str | None) -> None:
    """Each test token has its outcome; a decline is an answer (201) like an agreement."""
    made = gateway.authorise(token, reference="order-7")
    assert made.status == 201
    assert (made.body["status"], made.body["decline_code"]) == (status, decline_code)
    assert (made.body["amount"], made.body["currency"], made.body["reference"]) == ("19.90", "EUR", "order-7")
    assert made.body["id"].startswith("aut_")
    assert made.body["created_at"].endswith("Z")


def test_visa_follows_the_draw(gateway: GatewayClient) -> None:
    """tok_visa is declined for exactly the references that the hash of seed and reference says."""
    references = [f"draw-{number}" for number in range(60)]
    seen = {r: gateway.authorise("tok_visa", reference=r).body["status"] for r in references}
    expected = {r: outcome(token="tok_visa", reference=r, seed="tests", failure_rate=0.10).status for r in references}
    assert seen == expected
    assert set(seen.values()) == {"authorised", "declined"}


@pytest.mark.parametrize("token", ["tok_always_ok", "tok_declined"])
def test_a_repeat_gets_the_stored_answer(gateway: GatewayClient, token: str) -> None:
    """Same key, same body: the first answer again, marked; the books have one line."""
    key = new_name("key")
    first = gateway.authorise(token, key=key, reference="r")
    again = gateway.authorise(token, key=key, reference="r")
    assert again == Reply(201, first.body, True)
    assert not first.replayed
    assert [line["presented"] for line in gateway.books(key=key)] == [2]


def test_a_replay_of_the_authorisation_outlives_its_capture(gateway: GatewayClient) -> None:
    """The stored answer is what was said then; the look-up says how things stand."""
    key = new_name("key")
    first = gateway.authorise("tok_always_ok", key=key, reference="r")
    gateway.capture(first.body["id"], "19.90")
    assert gateway.authorise("tok_always_ok", key=key, reference="r").body == first.body
    assert gateway.get(f"/v1/authorisations/{first.body['id']}").body["status"] == "captured"


@pytest.mark.parametrize(
    "change",
    [{"amount": "19.91"}, {"currency": "USD"}, {"token": "tok_visa"}, {"reference": "other"}],
    ids=lambda change: next(iter(change)),
)
def test_a_key_belongs_to_one_body(gateway: GatewayClient, change: dict[str, str]) -> None:
    """Same key, another body: 422, and the first stays as it was."""
    key = new_name("key")
    first = gateway.post("/v1/authorisations", VALID, key=key)
    assert code(gateway.post("/v1/authorisations", VALID | change, key=key)) == (
        422,
        "idempotency_key_reused",
    )
    assert gateway.post("/v1/authorisations", VALID, key=key).body == first.body


def test_a_key_belongs_to_one_operation(gateway: GatewayClient) -> None:
    """The key of one authorisation cannot capture, nor the key of one capture capture another."""
    key, other_key = new_name("key"), new_name("key")
    first, second = gateway.authorised(key=key), gateway.authorised()
    assert code(gateway.capture(first, "19.90", key=key)) == (422, "idempotency_key_reused")
    assert gateway.capture(first, "19.90", key=other_key).status == 201
    assert code(gateway.capture(second, "19.90", key=other_key)) == (422, "idempotency_key_reused")
    assert gateway.get(f"/v1/authorisations/{second}").body["status"] == "authorised"


def test_fifty_at_once_are_one_authorisation(gateway: GatewayClient) -> None:
    """One key sent 50 times at once: 50 equal answers, one authorisation, 50 presentations counted."""
    key = new_name("key")
    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(lambda _: gateway.authorise("tok_visa", key=key, reference="r"), range(50)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["id"] for reply in replies}) == 1
    assert sum(not reply.replayed for reply in replies) == 1
    assert [line["presented"] for line in gateway.books(key=key)] == [50]


def test_twenty_captures_at_once_take_the_money_once(gateway: GatewayClient) -> None:
    """Twenty keys, one authorisation: one capture, nineteen 409."""
    authorisation = gateway.authorised()
    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(r.status for r in pool.map(lambda _: gateway.capture(authorisation, "19.90"), range(20)))
    assert statuses == [201] + [409] * 19


def test_twenty_refunds_at_once_stay_within_the_capture(gateway: GatewayClient) -> None:
    """Refunds of 3.00 out of 20.00, at once: six fit, each once."""
    capture = gateway.capture(gateway.authorised("20.00"), "20.00").body["id"]
    keys = [new_name("key") for _ in range(10)] * 2  # every key twice
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda key: gateway.refund(capture, "3.00", key=key), keys))
    assert len({reply.body["id"] for reply in replies if reply.status == 201}) == 6
    assert {reply.status for reply in replies} == {201, 409}


def test_a_capture_takes_all_or_part_once(gateway: GatewayClient) -> None:
    """Not more than authorised; a repeat replays; a second capture is refused; nothing to void afterwards."""
    authorisation, key = gateway.authorised(), new_name("key")
    assert code(gateway.capture(authorisation, "19.91")) == (409, "capture_exceeds_authorised")
    captured = gateway.capture(authorisation, "15.00", key=key)
    assert (captured.status, captured.body["status"], captured.body["amount"]) == (201, "captured", "15.00")
    assert gateway.capture(authorisation, "15.00", key=key) == Reply(201, captured.body, True)
    assert code(gateway.capture(authorisation, "4.90")) == (409, "already_captured")
    assert code(gateway.void(authorisation)) == (409, "already_captured")


def test_a_void_ends_the_authorisation(gateway: GatewayClient) -> None:
    """Voided once; a repeat replays; neither capture nor another void afterwards."""
    authorisation, key = gateway.authorised(), new_name("key")
    voided = gateway.void(authorisation, key=key)
    assert (voided.status, voided.body["status"], voided.body["authorisation"]) == (
        201,
        "voided",
        authorisation,
    )
    assert gateway.void(authorisation, key=key) == Reply(201, voided.body, True)
    assert code(gateway.void(authorisation)) == (409, "already_voided")
    assert code(gateway.capture(authorisation, "19.90")) == (409, "already_voided")


def test_refunds_never_exceed_the_capture(gateway: GatewayClient) -> None:
    """Partial refunds add up to the capture, not to the authorisation; a repeat gives nothing twice."""
    capture = gateway.capture(gateway.authorised(), "15.00").body["id"]
    key = new_name("key")
    first = gateway.refund(capture, "10.00", key=key)
    assert (first.status, first.body["status"], first.body["amount"]) == (201, "refunded", "10.00")
    assert gateway.refund(capture, "10.00", key=key) == Reply(201, first.body, True)
    assert code(gateway.refund(capture, "5.01")) == (409, "refund_exceeds_captured")
    assert gateway.refund(capture, "5.00").status == 201
    assert code(gateway.refund(capture, "0.01")) == (409, "refund_exceeds_captured")


def test_a_declined_authorisation_leads_nowhere(gateway: GatewayClient) -> None:
    """It can be neither captured nor voided."""
    declined = gateway.authorise("tok_declined").body["id"]
    assert code(gateway.capture(declined, "19.90")) == (409, "not_authorised")
    assert code(gateway.void(declined)) == (409, "not_authorised")


@pytest.mark.parametrize("path", ["authorisations/aut_0/captures", "captures/cap_0/refunds", "authorisations/x/void"])
def test_unknown_payments_are_not_found(gateway: GatewayClient, path: str) -> None:
    """404, and the key stays free."""
    assert code(gateway.post(f"/v1/{path}", {"amount": "1.00"}, key=new_name("key"))) == (404, "not_found")


def test_an_authorisation_is_not_a_capture(gateway: GatewayClient) -> None:
    """Refunds name a capture."""
    assert code(gateway.refund(gateway.authorised(), "1.00")) == (404, "not_found")


def test_a_lost_answer_is_found_by_repeating_the_key(gateway: GatewayClient) -> None:
    """tok_timeout_then_ok commits and never answers; a repeat answers, even while the first still hangs."""
    key = new_name("key")
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(gateway.authorise, "tok_timeout_then_ok", key=key, reference="r")
        wait_for(lambda: bool(gateway.books(key=key)), limit_s=HANG_S)
        found = gateway.authorise("tok_timeout_then_ok", key=key, reference="r")
        assert not lost.done()
        with pytest.raises(urllib3.exceptions.ProtocolError):
            lost.result()
    assert (found.status, found.body["status"], found.replayed) == (201, "authorised", True)
    assert HANG_S <= time.monotonic() - began < HANG_S + 2
    assert len(gateway.books(key=key)) == 1


def test_lost_answers_do_not_take_the_gateway_down(gateway: GatewayClient) -> None:
    """Thirty at once, more than there are threads: a few hang, the rest is cut off, others are served."""
    with ThreadPoolExecutor(30) as pool:
        lost = [pool.submit(gateway.authorise, "tok_timeout_then_ok") for _ in range(30)]
        wait_for(lambda: sum(each.done() for each in lost) >= 20, limit_s=HANG_S)
        assert gateway.authorise("tok_always_ok").status == 201
        assert not all(each.done() for each in lost)
        assert all(isinstance(each.exception(), urllib3.exceptions.ProtocolError) for each in lost)


def test_an_outage_ends(gateway: GatewayClient) -> None:
    """tok_unavailable: 503 until GATEWAY_OUTAGE_S after the key was first seen, then authorised, once."""
    key = new_name("key")
    replies: list[Reply] = []

    def is_answered() -> bool:
        replies.append(gateway.authorise("tok_unavailable", key=key, reference="r"))
        return replies[-1].status == 201

    began = time.monotonic()
    wait_for(is_answered, limit_s=OUTAGE_S + 5)
    assert time.monotonic() - began >= OUTAGE_S
    assert code(replies[0]) == (503, "unavailable")
    assert {reply.status for reply in replies[:-1]} == {503}
    assert replies[-1].body["status"] == "authorised"
    assert gateway.authorise("tok_unavailable", key=key, reference="r").replayed
    assert gateway.presented(key) == len(replies) + 1
    assert len(gateway.books(key=key)) == 1


def test_the_books_are_what_happened(gateway: GatewayClient) -> None:
    """Every movement is one line, in order, with its key, reference and amount; refusals leave none."""
    reference = new_name("ref")
    happened = []

    def keep(reply: Reply, key: str) -> str:
        happened.append((reply.body["id"], key, reply.body["status"], reply.body["amount"]))
        return str(reply.body["id"])

    names = iter([new_name("key") for _ in range(7)])
    key = next(names)
    first = keep(gateway.authorise("tok_always_ok", key=key, reference=reference), key)
    key = next(names)
    second = keep(gateway.authorise("tok_always_ok", amount="5.00", key=key, reference=reference), key)
    key = next(names)
    keep(gateway.authorise("tok_declined", key=key, reference=reference), key)
    key = next(names)
    capture = keep(gateway.capture(first, "15.00", key=key), key)
    gateway.void(first)  # refused
    key = next(names)
    keep(gateway.void(second, key=key), key)
    key = next(names)
    keep(gateway.refund(capture, "4.00", key=key), key)
    gateway.refund(capture, "99.00")  # refused

    lines = gateway.books(reference=reference, limit=2)  # four pages
    assert [(line["id"], line["key"], line["status"], line["amount"]) for line in lines] == happened
    assert [line["kind"] for line in lines] == ["authorisation"] * 3 + ["capture", "void", "refund"]
    assert {line["reference"] for line in lines} == {reference}
    assert lines == [line for line in gateway.books(limit=1000) if line["reference"] == reference]


def test_books_are_read_by_several_names(gateway: GatewayClient) -> None:
    """Lists of ids, references and keys, and the look-ups by reference and id, agree with each other."""
    references = [new_name("ref") for _ in range(3)]
    ids = [gateway.authorised(reference=reference) for reference in references]
    gateway.refund(gateway.capture(ids[0], "10.00").body["id"], "2.50")
    by_reference = gateway.books(reference=references)
    assert gateway.books(id=[line["id"] for line in by_reference]) == by_reference
    assert gateway.books(key=[line["key"] for line in by_reference]) == by_reference
    found = gateway.get("/v1/authorisations", reference=references).body["results"]
    assert sorted(each["id"] for each in found) == sorted(ids)
    standing = gateway.get(f"/v1/authorisations/{ids[0]}").body
    assert standing in found
    assert (standing["status"], standing["captured"], standing["refunded"]) == ("captured", "10.00", "2.50")
    assert [line["amount"] for line in standing["captures"] + standing["refunds"]] == ["10.00", "2.50"]


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1990"), ("EUR", "19.90"), ("JOD", "19.900")])
def test_amounts_have_their_currency_s_decimals(gateway: GatewayClient, currency: str, amount: str) -> None:
    """In and out, also for captures, whose currency is the authorisation's."""
    made = gateway.authorise("tok_always_ok", amount=amount, currency=currency)
    assert made.body["amount"] == amount
    assert code(gateway.capture(made.body["id"], "1.0")) == (422, "invalid_amount")
    assert gateway.capture(made.body["id"], amount).body["amount"] == amount
    wrong = gateway.authorise("tok_always_ok", amount=amount + ".0", currency=currency)
    assert code(wrong) == (422, "invalid_amount")


@pytest.mark.parametrize("change", [{field: value} for field, values in BAD_VALUES.items() for value in values])
def test_bad_fields_are_refused(gateway: GatewayClient, change: dict[str, Any]) -> None:
    """422 with a code, never a 500; nothing is kept, so that the key can still be used well."""
    key = new_name("key")
    refused = gateway.post("/v1/authorisations", VALID | change, key=key)
    assert refused.status == 422
    assert gateway.post("/v1/authorisations", VALID, key=key).status == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 10_000, 400), (b" " * 20_000, 413), (b"", 422)],
)
def test_bad_bodies_are_refused(gateway: GatewayClient, body: bytes, status: int) -> None:
    """4xx as JSON for what is not a JSON object of reasonable size."""
    assert gateway.post("/v1/authorisations", body, key=new_name("key")).status == status


def test_bad_requests_have_stable_codes(gateway: GatewayClient) -> None:
    """Missing or odd keys, unknown paths, methods and parameters."""
    assert code(gateway.post("/v1/authorisations", VALID)) == (400, "idempotency_key_required")
    assert code(gateway.post("/v1/authorisations", VALID, key="x" * 256)) == (400, "idempotency_key_invalid")
    assert code(gateway.post("/v1/nothing", {}, key="k")) == (404, "not_found")
    assert code(gateway.send("DELETE", "/v1/books")) == (405, "method_not_allowed")
    assert code(gateway.get("/v1/authorisations/aut_0")) == (404, "not_found")
    assert code(gateway.get("/v1/authorisations")) == (400, "invalid_parameter")
    assert code(gateway.get("/v1/books", colour="red")) == (400, "invalid_parameter")
    assert code(gateway.get("/v1/books", reference=["r"] * 101)) == (400, "invalid_parameter")
    assert code(gateway.send("GET", "/v1/books?reference=%00")) == (422, "invalid_parameter")
    assert code(gateway.send("GET", "/v1/books?reference=%ff")) == (400, "invalid_parameter")
    for wrong in ({"after": "x"}, {"after": "-1"}, {"limit": 0}, {"limit": 1001}, {"after": "9" * 40}):
        assert code(gateway.get("/v1/books", **wrong)) == (422, "invalid_parameter")


def test_the_api_key_is_needed_everywhere_but_for_health(gateway: GatewayClient) -> None:
    """401 without the right key."""
    stranger = GatewayClient(gateway._http.port or 0, key="wr\xf6ng")
    assert code(stranger.get("/v1/books")) == (401, "invalid_api_key")
    assert code(stranger.authorise("tok_always_ok")) == (401, "invalid_api_key")
    assert stranger.send("GET", "/health").status == 200


def test_a_lost_database_is_a_503_and_comes_back(gateway: GatewayClient, database_url: str, server_url: str) -> None:
    """While its database refuses connections the gateway says 503 within its limit, then works again."""
    name = conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            wait_for(lambda: code(gateway.authorise("tok_always_ok")) == (503, "unavailable"), limit_s=5)
            assert gateway.send("GET", "/health").status == 503
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    wait_for(lambda: gateway.authorise("tok_always_ok").status == 201, limit_s=10)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"GATEWAY_KEY": ""}, "GATEWAY_KEY"),
        ({"GATEWAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "connection"),
    ],
)
def test_a_gateway_that_cannot_start_says_so_in_one_line(settings: dict[str, str], said: str) -> None:
    """One line, no traceback, and its server exits instead of trying again."""
    process = start_gateway(
        gateway_environment("postgresql:///unused", **settings),
        bind="127.0.0.1:0",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, output = process.communicate(timeout=15)
    assert process.returncode != 0
    assert "Traceback" not in output
    assert sum(said in line and "cannot start" in line for line in output.splitlines()) == 1


def test_wait_ends_when_the_database_is_there(server_url: str) -> None:
    """It says once why it waits: of a server that runs, and a database that somebody is still to make."""
    name = f"gateway_{secrets.token_hex(6)}"
    settings = gateway_environment(make_conninfo(server_url, dbname=name))
    command = [sys.executable, "-m", "simulators.gateway.wait"]
    with subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert f'"{name}" does not exist' in process.stdout.readline()
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            assert process.wait(15) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def test_nothing_of_a_body_is_logged(gateway: GatewayClient, gateway_log: Path) -> None:
    """No token, reference or key in the log, whatever happened before."""
    gateway.authorise("tok_secret_token", reference="secret-reference", key="secret-key" + os.urandom(4).hex())
    gateway.post("/v1/authorisations", b'{"token": "tok_secret_token"', key=new_name("key"))
    logged = gateway_log.read_text()
    assert "tok_" not in logged
    assert "secret" not in logged
    assert "Traceback" not in logged
