"""The admin: every page opens, ledgers cannot be changed, actions go through the services."""

import pytest
from django.apps import apps
from django.contrib import admin

from tests.order.test_refunds import delivered
from tests.order.world import Tuned, World, order, timeline


def act(shop: World, number: str, action: str, **fields: str) -> str:
    client = shop.staff().client
    data = {"action": action, "_selected_action": str(order(number).pk), **fields}
    return client.post("/admin/order/order/", data, follow=True).content.decode()


def test_every_model_is_there(shop: World) -> None:
    """Lists and pages of all of them open."""
    number = delivered(shop)
    client = shop.staff().client
    for model in apps.get_app_config("order").get_models():
        assert model in admin.site._registry
        assert client.get(f"/admin/order/{model._meta.model_name}/").status_code == 200
    page = client.get(f"/admin/order/order/{order(number).pk}/change/").content.decode()
    assert all(text in page for text in (number, "delivered", "Timeline"))
    assert "payment_token" not in page
    assert all(f'name="action" value="{action}"' in page for action in ("cancel", "refund", "retry", "close"))


def test_cancel(shop: World, tuned: Tuned) -> None:
    """Through the saga, and it says when it is too late."""
    tuned(fulfilment_delay_s=60)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    act(shop, number, "cancel")
    assert order(number).state == "cancelled"


def test_refund(shop: World) -> None:
    """A part, then all that is left, then nothing."""
    number = delivered(shop)
    act(shop, number, "refund", amount="5.00")
    act(shop, number, "refund")
    assert [str(refund.amount) for refund in order(number).refunds.order_by("requested_at")] == ["5.000", "29.900"]
    assert "more than zero" in act(shop, number, "refund")
    assert "booked" in act(shop, number, "cancel")


@pytest.mark.parametrize(("action", "after"), [("retry", "retried"), ("close", "cancelled")])
def test_parked_orders(shop: World, tuned: Tuned, action: str, after: str) -> None:
    """Retry and close; both refuse an order that nobody has to decide on."""
    tuned(fulfilment_delay_s=60)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    assert "waits for a person" in act(shop, number, action)
    type(order(number)).objects.filter(number=number).update(parked=True)
    act(shop, number, action)
    assert timeline(number)[-1] == after
