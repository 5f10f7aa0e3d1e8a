"""One's own messages, the development mailbox, and the audit's rules."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.notification.models import Message
from shop.audit import registry, shared
from shop.identity import tokens
from shop.identity.models import Account
from tests.notification.conftest import ORDER, Sink, customer, hear, send


def get(path: str, account: Account | None = None) -> Any:
    headers = {"Authorization": f"Bearer {tokens.mint(account)}"} if account else {}
    return Client().get(path, headers=headers)


def test_a_customer_sees_their_own_messages() -> None:
    """Newest first; others' and what owes no mail are not among them. Staff see everyone's."""
    mine, other = customer("one@example.com"), customer("two@example.com")
    for account in (mine, other):
        hear("order.confirmed.v1", **ORDER | {"customer_id": str(account.pk), "email": ""})
    hear("order.cancelled.v1", **ORDER | {"customer_id": str(mine.pk), "email": "", "reason": "x"})
    hear("order.rejected.v1", **ORDER | {"customer_id": str(mine.pk), "email": "", "reason": "x", "deferred": False})
    page = get("/notification/messages", mine).json()
    assert [shown["kind"] for shown in page["results"]] == ["order.cancelled", "order.confirmed"]
    assert {shown["recipient"] for shown in page["results"]} == {str(mine.pk)}
    staff = Account(id=uuid4(), is_staff=True, staff_roles=["support"])
    assert len(get("/notification/messages", staff).json()["results"]) == 3
    assert get("/notification/messages").status_code == 401


def test_the_list_is_read_by_cursor_at_constant_cost(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Every message once; as many queries for 50 rows as for one."""
    account = customer()
    for _ in range(51):
        hear("order.confirmed.v1", **ORDER | {"customer_id": str(account.pk), "email": ""})
    get("/notification/messages", account)
    for limit in (1, 50):
        with django_assert_num_queries(1):
            page = get(f"/notification/messages?limit={limit}", account).json()
    rest = get(page["next"].removeprefix("http://testserver"), account).json()
    assert len({shown["id"] for shown in page["results"] + rest["results"]}) == 51
    assert get("/notification/messages?cursor=x", account).status_code == 400


def test_the_mailbox_shows_what_arrived(sink: Sink) -> None:
    """Newest first, of one recipient or of all; also as a page."""
    hear("order.confirmed.v1", **ORDER)
    send()
    hear("stock.low.v1", sku="LAMP", available=1, threshold=2)
    send()
    subjects = [mail["subject"] for mail in get("/notification/mailbox").json()["results"]]
    assert subjects == ["Low stock: LAMP", "Order ORDER00001 is confirmed"]
    (mail,) = get("/notification/mailbox?to=ADA@example.com&limit=1").json()["results"]
    assert mail["to"] == ["ada@example.com"]
    assert get("/notification/mailbox?limit=0").status_code == 400
    html = Client().get("/notification/mailbox", headers={"Accept": "text/html"})
    assert html.status_code == 200
    assert "Low stock" in html.content.decode()


def test_without_a_mail_sink_there_is_no_mailbox(settings_of: Callable[..., None]) -> None:
    """404 where none is set; one that does not answer is unavailable, not an error."""
    settings_of(mailbox_url="")
    assert get("/notification/mailbox").status_code == 404
    settings_of(mailbox_url="http://127.0.0.1:9")
    assert get("/notification/mailbox").status_code == 503


CORRUPTIONS = {
    "event-has-message": ("DELETE FROM notification_message WHERE id = %s", "event_id"),
    "message-has-event": ("UPDATE notification_message SET event_id = gen_random_uuid() WHERE id = %s", "id"),
    "sent-has-time": ("UPDATE notification_message SET state = 'sent' WHERE id = %s", "id"),
}


@pytest.mark.parametrize("rule", CORRUPTIONS)
def test_a_corrupted_row_is_named(rule: str) -> None:
    """By its id, and it alone."""
    hear("order.confirmed.v1", **ORDER)
    hear("order.rejected.v1", **ORDER, reason="x", deferred=False)
    event_id, _ = hear("order.confirmed.v1", **ORDER)
    message = Message.objects.get(event_id=event_id)
    assert _broken(rule) == []
    sql, named = CORRUPTIONS[rule]
    with connection.cursor() as cursor:
        cursor.execute(sql, [message.pk])
    assert _broken(rule) == [str(getattr(message, named))]


def test_every_rule_is_tested() -> None:
    """A rule that nobody has seen fire proves nothing."""
    own = set(registry.book_of("notification").rules) - set(shared.rules("notification"))
    assert own == set(CORRUPTIONS)


def test_what_is_queued_is_pending(sink: Sink) -> None:
    """Until it is sent; what owes no mail never was."""
    hear("order.confirmed.v1", **ORDER)
    hear("order.rejected.v1", **ORDER, reason="x", deferred=False)
    count = registry.book_of("notification").pending["messages"]
    assert count() == 1
    send()
    assert count() == 0


def _broken(rule: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(registry.book_of("notification").rules[rule])
        return [row[0] for row in cursor.fetchall()]
