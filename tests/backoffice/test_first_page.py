"""The admin's first page: each sees the cards that are theirs."""

import pytest
from django.test import Client

from shop import staff
from shop.backoffice import cards
from tests.backoffice.conftest import SignIn

pytestmark = pytest.mark.django_db


def test_every_card_is_drawn_for_an_administrator(signed_in: SignIn) -> None:
    """Also in a shop where nothing has happened yet; each leads to a list that opens."""
    client = signed_in()
    page = client.get("/admin/")
    assert page.status_code == 200
    for title in ("Orders today", "Revenue today", "Payment failures today", "Low stock", "Events waiting"):
        assert title in page.text
    assert page.text.count('<svg class="desk-spark"') == len(page.context["cards"])
    for card in page.context["cards"]:
        assert client.get(card.href).status_code == 200, card


@pytest.mark.parametrize("role", sorted(staff.STAFF_ROLES))
def test_each_role_sees_its_own_cards(signed_in: SignIn, role: str) -> None:
    """Exactly those whose permission the role has, and no menu entry that leads to a refusal."""
    client = signed_in(role)
    page = client.get("/admin/")
    wanted = {each.make for each in cards._declared if staff.may([role], each.permission)}
    assert len(page.context["cards"]) <= len(wanted)
    assert bool(page.context["cards"]) == bool(wanted)
    for section in page.context["sidebar_navigation"]:
        for item in section["items"]:
            assert client.get(item["link"]).status_code == 200, item


def test_nobody_else_sees_anything(client: Client) -> None:
    """Pages, panels and hits lead to the sign-in page."""
    for path in ("/admin/", "/admin/find", "/order/admin/hits?q=x", "/payment/admin/panels/order/X"):
        assert client.get(path).status_code == 302
