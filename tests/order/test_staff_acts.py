"""What each staff role may do to an order, by the buttons of its page and by the API; and that it is signed."""

from uuid import uuid4

import pytest
from django.test import Client

from apps.order.models import Order, TimelineEntry
from shop import staff
from shop.identity.models import Account
from tests.order.world import World

ACTS = {
    "cancel": "order.cancel_order",
    "retry": "order.operate_order",
    "close": "order.close_order",
    "refund": "order.refund_order",
}


def person(role: str) -> tuple[Account, Client]:
    """Somebody of the staff, signed in."""
    account = Account.objects.create_user(
        email=f"{uuid4().hex}@example.com",
        password=None,
        is_staff=True,
        is_superuser=role == staff.ADMINISTRATOR,
        staff_roles=[role] if role != staff.ADMINISTRATOR else [],
    )
    client = Client()
    client.force_login(account)
    return account, client


def placed(shop: World) -> Order:
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    return Order.objects.get(number=number)


def test_every_button_asks_the_table(shop: World) -> None:
    """403 for the roles that may not, in the admin and in the API; the others get an answer of the order's."""
    order = placed(shop)
    wrong = []
    for role in staff.STAFF_ROLES:
        _, client = person(role)
        for act, perm in ACTS.items():
            answer = client.post(f"/admin/order/order/{order.pk}/change/", {"act": act})
            if (answer.status_code != 403) != staff.may([role], perm):
                wrong.append((role, act, answer.status_code))
        refund = {"amount": {"amount": "1.00", "currency": "EUR"}}
        answer = client.post(
            f"/order/orders/{order.number}/refunds",
            refund,
            content_type="application/json",
            headers={"Idempotency-Key": uuid4().hex},
        )
        if (answer.status_code != 403) != staff.may([role], "order.refund_order"):
            wrong.append((role, "refund by the API", answer.status_code))
        seen = client.get(f"/order/orders/{order.number}").status_code
        if (seen == 200) != staff.may([role], "order.view_order"):
            wrong.append((role, "view by the API", seen))
    assert wrong == []


@pytest.mark.parametrize("way", ["admin", "api"])
def test_the_timeline_names_who_of_the_staff_acted(shop: World, way: str) -> None:
    """And nobody for what the customer or the machine did; customers do not see it."""
    order = placed(shop)
    assert set(TimelineEntry.objects.values_list("actor", flat=True)) == {None}
    clerk, client = person("order-clerk")
    if way == "admin":
        client.post(f"/admin/order/order/{order.pk}/change/", {"act": "cancel"})
    else:
        client.post(f"/order/orders/{order.number}/cancel")
    acted = TimelineEntry.objects.filter(order=order, note="cancel-requested")
    assert [entry.actor for entry in acted] == [clerk.pk]
    assert str(clerk.pk) not in client.get(f"/order/orders/{order.number}/timeline").content.decode()


def test_the_order_page_says_who_acted(shop: World) -> None:
    """By address, to those who may see the timeline's rows; where this role does not know them, that it was staff."""
    order = placed(shop)
    clerk, client = person("order-clerk")
    page = f"/admin/order/order/{order.pk}/change/"
    client.post(page, {"act": "cancel"})
    _, support = person("support")
    assert f"· by {clerk.email}" in support.get(page).text
    TimelineEntry.objects.filter(actor=clerk.pk).update(actor=uuid4())
    assert "· by staff" in support.get(page).text
