"""The admin: every page opens, ledgers cannot be changed, actions go through the services."""

import pytest
from django.apps import apps
from django.contrib import admin

from apps.order.models import TaxCountry
from tests.order.test_refunds import delivered
from tests.order.world import Caller, Tuned, World, order, timeline


def page_of(number: str) -> str:
    return f"/admin/order/order/{number}/change/"


def act(shop: World, number: str, name: str, *, by: Caller | None = None, **fields: str) -> str:
    """Press a button of the order's page; the page that follows."""
    client = (by or shop.staff()).client
    return client.post(page_of(number), {"act": name, **fields}, follow=True).text


def test_every_model_is_there(shop: World) -> None:
    """Lists and pages of all of them open; the order's page says all that happened to it."""
    number = delivered(shop)
    client = shop.staff().client
    for model in apps.get_app_config("order").get_models():
        assert model in admin.site._registry
        listed = client.get(f"/admin/order/{model._meta.model_name}/")
        assert listed.status_code == 200
        row = model._default_manager.first()
        assert row is None or client.get(f"/admin/order/{model._meta.model_name}/{row.pk}/change/").status_code == 200
    page = client.get(page_of(number)).text
    assert all(text in page for text in (number, "delivered", "Timeline", "Shipped: paid, and with the carrier"))
    assert 'data-panel="/payment/admin/panels/order/' in page
    assert "payment_token" not in page


def test_the_page_has_the_buttons_that_fit(shop: World, tuned: Tuned) -> None:
    """An order that can be cancelled is not refunded; a delivered one the other way round; retry is for parked ones."""
    tuned(fulfilment_delay_s=60)
    waiting = shop.customer().buy({shop.sku(1): 1}).body["number"]
    page = shop.staff().client.get(page_of(waiting)).text
    assert 'value="cancel"' in page
    assert not any(f'value="{name}"' in page for name in ("refund", "retry", "close"))
    type(order(waiting)).objects.filter(number=waiting).update(parked=True, parked_reason="a riddle")
    page = shop.staff().client.get(page_of(waiting)).text
    assert all(text in page for text in ("a riddle", 'value="retry"', 'value="close"'))


def test_orders_are_found(shop: World) -> None:
    """By the beginning of a number in any case, by a guest's address, by a customer's id, by state and day."""
    client = shop.staff().client
    number = shop.guest.buy({shop.sku(1): 1}).body["number"]
    day = order(number).placed_at.date()
    for query in (
        {"q": number.lower()},
        {"q": number[:5]},
        {"q": "ADA@example.com"},
        {"state__exact": order(number).state},
        {"placed_at_from": str(day), "placed_at_to": str(day)},
    ):
        assert number in client.get("/admin/order/order/", query).text, query
    for query in ({"q": "nothing"}, {"parked__exact": "1"}, {"placed_at_to": "2001-01-01"}):
        assert number not in client.get("/admin/order/order/", query).text, query
    assert number in client.get("/admin/find", {"q": number[:6]}).text


def test_cancel(shop: World, tuned: Tuned) -> None:
    """Through the saga, and it says when it is too late."""
    tuned(fulfilment_delay_s=60)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    act(shop, number, "cancel")
    assert order(number).state == "cancelled"
    assert "booked" in act(shop, delivered(shop), "cancel")


def amounts(number: str) -> list[str]:
    return [f"{refund.amount:.2f}" for refund in order(number).refunds.order_by("requested_at")]


def test_an_amount_is_refunded_once_it_is_confirmed(shop: World) -> None:
    """The first sending only shows what it comes to; the second gives it back, once however often it is sent."""
    number = delivered(shop)
    shown = act(shop, number, "refund", amount="5.00")
    assert "Give back 5.00 EUR?" in shown
    assert amounts(number) == []
    for _ in range(2):
        act(shop, number, "refund", amount="5.00", refund_id="0d9d1f2a-6b54-4a1c-9f4f-2f7d6a1c0001")
    assert amounts(number) == ["5.00"]
    assert "are left to give back" in act(shop, number, "refund", amount="5000")
    assert "EUR has 2 decimals" in act(shop, number, "refund", amount="1.005")
    assert "Enter a number" in act(shop, number, "refund", amount="a lot")


def test_lines_are_refunded_at_what_was_paid_for_them(shop: World) -> None:
    """Units of a line, then the others: together exactly its price; none is given back twice; which ones is kept."""
    sku, other = shop.sku(3, price="3.33"), shop.sku(1)
    number = shop.reach(shop.customer().buy({sku: 3, other: 1}).body["number"], "delivered").number
    positions = {line.sku: f"units_{line.position}" for line in order(number).lines.all()}
    shown = act(shop, number, "refund", **{positions[sku]: "2"})
    assert "Give back 6.66 EUR?" in shown
    first, rest = {positions[sku]: "2"}, {positions[sku]: "1", "shipping": "on"}
    act(shop, number, "refund", **first, refund_id="0d9d1f2a-6b54-4a1c-9f4f-2f7d6a1c0002")
    assert "Only 1 of" in act(shop, number, "refund", **first)
    act(shop, number, "refund", **rest, refund_id="0d9d1f2a-6b54-4a1c-9f4f-2f7d6a1c0003")
    shipping = order(number).shipping
    assert amounts(number) == ["6.66", f"{3.33 + float(shipping):.2f}"]
    assert [refund.units for refund in order(number).refunds.order_by("requested_at")] == [{sku: 2}, {sku: 1}]
    assert "computed" in act(shop, number, "refund", **{positions[other]: "1"}, amount="1.00")


@pytest.mark.parametrize(("action", "after"), [("retry", "retried"), ("close", "cancelled")])
def test_parked_orders(shop: World, tuned: Tuned, action: str, after: str) -> None:
    """Retry and close; both refuse an order that nobody has to decide on."""
    tuned(fulfilment_delay_s=60)
    number = shop.customer().buy({shop.sku(1): 1}).body["number"]
    assert "waits for a person" in act(shop, number, action)
    type(order(number)).objects.filter(number=number).update(parked=True)
    act(shop, number, action)
    assert timeline(number)[-1] == after


def test_each_button_asks_for_its_own_permission(shop: World) -> None:
    """Support may cancel, but gives no money back; the warehouse does not see orders at all."""
    number = delivered(shop)
    support = shop.customer(is_staff=True, staff_roles=["support"])
    page = support.client.get(page_of(number))
    assert (page.status_code, 'value="refund"' in page.text) == (200, False)
    for name in ("refund", "close", "retry", "nonsense"):
        assert support.client.post(page_of(number), {"act": name, "amount": "1.00"}).status_code == 403
    assert shop.customer(is_staff=True, staff_roles=["warehouse"]).client.get(page_of(number)).status_code == 403
    assert amounts(number) == []


def test_taxes_are_changed_through_their_service(shop: World) -> None:
    """A country with its rates, made, changed and removed on one page."""
    client = shop.staff().client
    rows = {
        "rates-TOTAL_FORMS": "2",
        "rates-INITIAL_FORMS": "0",
        "rates-MIN_NUM_FORMS": "0",
        "rates-MAX_NUM_FORMS": "9",
    }
    form = {"country": "SE", "prices_include_tax": "on", "rates-0-tax_class": "standard", "rates-0-percent": "25"}
    made = client.post("/admin/order/taxcountry/add/", rows | form)
    assert made.status_code == 302, made.text
    sweden = TaxCountry.objects.get(pk="SE")
    assert {rate.tax_class: rate.percent for rate in sweden.rates.all()} == {"standard": 25}
    assert client.post("/admin/order/taxcountry/SE/delete/", {"post": "yes"}).status_code == 302
    assert not TaxCountry.objects.filter(pk="SE").exists()
