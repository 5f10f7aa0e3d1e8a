"""Payment over HTTP: what order's client hears, what people see, and what a bad request gets."""

import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.payment import client, steps
from shop import context
from shop.env import env
from shop.errors import NoAnswer
from shop.identity import credentials, tokens
from shop.identity.models import Account
from shop.money import Money
from tests.payment.conftest import AMOUNT, Tuned, authorise, captured, row
from tests.simulators.servers import HANG_S, GatewayClient

pytestmark = pytest.mark.django_db(transaction=True)

INTERNAL = "/payment/internal/payments"


def _asked(**changed: Any) -> dict[str, Any]:
    return {
        "payment_id": uuid4(),
        "order_number": "AAAAAAAAAA",
        "amount": AMOUNT,
        "token": "tok_always_ok",
        "reference": f"ref-{uuid4()}",
        "customer_id": "",
        "email": "guest@example.com",
    } | changed


def _posted(path: str, body: Any, *, key: str | None) -> Any:
    headers = {credentials.HEADER: credentials.mint(caller="order", callee="payment")}
    headers |= {"Idempotency-Key": key} if key else {}
    return Client().post(path, body, content_type="application/json", headers=headers)


def _got(path: str, account: Account | None) -> Any:
    headers = {"Authorization": f"Bearer {tokens.mint(account)}"} if account else {}
    return Client().get(path, headers=headers)


def _account(*, is_staff: bool = False) -> Account:
    return Account(
        id=uuid4(), email=f"{uuid4()}@example.com", is_staff=is_staff, staff_roles=["order-clerk"] * is_staff
    )


def test_the_client_tells_answers_apart(bank: GatewayClient) -> None:
    """Every refusal of the contract is its own exception, and success is silent."""
    paid, declined, unseen = _asked(), _asked(token="tok_declined"), uuid4()
    with context.working_as("order"):
        client.authorise(**paid)
        with pytest.raises(client.Declined) as refusal:
            client.authorise(**declined)
        assert refusal.value.code == "card_declined"
        client.capture(payment_id=paid["payment_id"])
        with pytest.raises(client.AlreadyCaptured):
            client.void(payment_id=paid["payment_id"])
        client.void(payment_id=unseen)
        with pytest.raises(client.Superseded):
            client.authorise(**_asked(payment_id=unseen))
        with pytest.raises(client.UndefinedAnswer, match="404"):
            client.capture(payment_id=uuid4())
        with pytest.raises(client.UndefinedAnswer, match="422 content-differs"):
            client.authorise(**paid | {"order_number": "B"})


def test_the_client_refunds(bank: GatewayClient) -> None:
    """A refund has succeeded or is refused for exceeding the capture."""
    payment_id, refund_id = captured(), uuid4()
    with context.working_as("order"):
        made = client.refund(refund_id=refund_id, payment_id=payment_id, amount=AMOUNT)
        assert made == client.Refund(id=refund_id, status="succeeded")
        with pytest.raises(client.RefundExceedsCaptured):
            client.refund(refund_id=uuid4(), payment_id=payment_id, amount=Money.parse("0.01", "EUR"))


def test_a_silent_gateway_is_no_answer(bank: GatewayClient, tuned: Tuned) -> None:
    """Within the caller's deadline, order hears that nothing is known."""
    tuned(gateway_url="http://127.0.0.1:9")
    with context.working_as("order"), pytest.raises(NoAnswer):
        client.authorise(**_asked())


def test_the_callers_deadline_bounds_the_gateway(bank: GatewayClient, tuned: Tuned) -> None:
    """Where little time is left the gateway gets no more than that, and its answer is found out later."""
    asked, began = _asked(token="tok_timeout_then_ok"), time.monotonic()
    tuned(gateway_timeout_s=30.0)
    with context.working_as("order"), context.deadline(0.4), pytest.raises(NoAnswer):
        client.authorise(**asked)
    assert time.monotonic() - began < HANG_S * 0.8
    found = row(asked["payment_id"])
    assert (found.status, found.lease_until) == ("authorising", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "no-uuid"},
        {"amount": {"amount": "0.00", "currency": "EUR"}},
        {"amount": {"amount": "-1", "currency": "EUR"}},
        {"amount": {"amount": "1.001", "currency": "EUR"}},
        {"amount": "19.90"},
        {"token": ""},
        {"token": "x" * 256},
        {"token": "\x00"},
        {"order_number": "\ud800"},
        {"reference": None},
        {"email": "nobody"},
    ],
)
def test_bad_input_is_a_bad_request(changed: dict[str, Any]) -> None:
    """What is malformed is 400 with the field named, and nothing is written."""
    body = {"id": str(uuid4()), "order_number": "A", "token": "tok", "reference": "r", "amount": AMOUNT.json()}
    answer = _posted(INTERNAL, body | changed, key=str(body["id"]))
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert list(answer.json()["errors"]) == list(changed)


@pytest.mark.parametrize("key", [None, str(uuid4())], ids=["none", "another"])
@pytest.mark.parametrize(
    "path",
    [INTERNAL, f"{INTERNAL}/{uuid4()}/capture", f"{INTERNAL}/{uuid4()}/void"],
    ids=["authorise", "capture", "void"],
)
def test_commands_carry_the_id_as_their_key(path: str, key: str | None) -> None:
    """Without the Idempotency-Key, or with one that names something else: 400."""
    body = {"id": str(uuid4()), "order_number": "A", "token": "t", "reference": "r", "amount": AMOUNT.json()}
    assert _posted(path, body, key=key).status_code == 400


def test_internal_paths_are_for_roles() -> None:
    """Staff have no business there."""
    assert _got(INTERNAL, _account(is_staff=True)).status_code == 404


def test_a_payment_is_its_owners_and_the_staffs(bank: GatewayClient) -> None:
    """Anyone else's is 404; the token and the lease are nobody's to see."""
    owner = _account()
    path = f"/payment/payments/{authorise(customer_id=str(owner.pk), email='')}"
    statuses = [_got(path, who).status_code for who in (owner, _account(is_staff=True), _account(), None)]
    assert statuses == [200, 200, 404, 401]
    shown = _got(path, owner).json()
    assert (shown["status"], shown["authorised"]) == ("authorised", AMOUNT.json())
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["authorised"]
    assert "token" not in shown


def test_the_list_is_the_staffs(bank: GatewayClient) -> None:
    """Newest first; customers and strangers are refused."""
    made = [str(authorise()) for _ in range(3)]
    answer = _got("/payment/payments", _account(is_staff=True))
    assert [each["id"] for each in answer.json()["results"]] == made[::-1]
    assert [_got("/payment/payments", who).status_code for who in (_account(), None)] == [403, 401]


def test_the_list_has_a_constant_number_of_queries(bank: GatewayClient) -> None:
    """As many for fifty payments as for one."""
    staff, counted = _account(is_staff=True), []
    for rows in (1, 49):
        for _ in range(rows):
            authorise()
        with CaptureQueriesContext(connection) as queries:
            assert _got("/payment/payments?limit=100", staff).status_code == 200
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 4, queries.captured_queries


def test_the_root_leads_to_the_payments() -> None:
    """For anyone, with and without a slash."""
    for path in ("/payment", "/payment/"):
        answer = Client().get(path)
        assert answer.status_code == 200
        assert answer.json()["payments"].endswith("/payment/payments")


def test_the_document_describes_the_public_part() -> None:
    """No internal path is in it."""
    paths = Client().get("/payment/openapi.json").json()["paths"]
    assert {"/payment/payments", "/payment/payments/{payment_id}"} <= set(paths)
    assert not [path for path in paths if "internal" in path]


@pytest.fixture
def administrator(client: Client) -> Client:
    """A browser in which an administrator has signed in."""
    account = Account.objects.create_superuser(email="admin@example.com", password="a long enough one")
    client.force_login(account, backend="shop.identity.backends.EmailBackend")
    return client


@pytest.mark.parametrize("model", ["payment", "attempt", "entry", "refund"])
def test_the_admin_shows_and_never_changes(bank: GatewayClient, administrator: Client, model: str) -> None:
    """Lists, searches and pages of every model answer; none offers a change."""
    payment_id = captured()
    site = f"{'/payment' if env.role else ''}/admin/payment/{model}"
    assert administrator.get(f"{site}/").status_code == 200
    assert administrator.get(f"{site}/?q={payment_id}").status_code == 200
    assert administrator.get(f"{site}/add/").status_code == 403
    page = administrator.get(f"{site}/{payment_id}/change/")
    assert b'name="_save"' not in page.content
    assert b"tok_" not in page.content


def test_the_admin_takes_up_what_is_parked(bank: GatewayClient, tuned: Tuned, administrator: Client) -> None:
    """The action calls the service; the worker does the rest."""
    payment_id = uuid4()
    tuned(gateway_key="wrong")
    with pytest.raises(NoAnswer):
        authorise(payment_id)
    tuned(gateway_key="test-gateway-key")
    site = f"{'/payment' if env.role else ''}/admin/payment/payment/"
    assert str(payment_id) in administrator.get(f"{site}?parked=yes").content.decode()
    administrator.post(site, {"action": "take_up_again", "_selected_action": [str(payment_id)]})
    steps.reconcile()
    assert row(payment_id).status == "authorised"
