"""Methods and rates: what a quote is told."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.shipping import client
from apps.shipping.models import Rate, ShippingMethod, Zone, ZoneArea
from shop.money import Money


def rate(**changes: Any) -> client.Rate:
    asked: dict[str, Any] = {
        "method": "standard",
        "country": "DE",
        "postal_code": "10115",
        "weight_g": 500,
        "currency": "EUR",
    }
    return client.rate(**asked | changes)


def test_the_lowest_bracket_that_fits_decides_the_price() -> None:
    """The limit of a bracket belongs to it."""
    assert rate() == client.Rate(
        method="standard", name="Standard", price=Money(Decimal("4.90"), "EUR"), tax_class="standard"
    )
    assert rate(weight_g=2_000).price == rate().price
    assert rate(weight_g=2_001).price.amount == Decimal("7.90")


def test_a_price_has_the_decimals_of_its_currency() -> None:
    """Yen have none."""
    assert rate(currency="JPY").price.json() == {"amount": "830", "currency": "JPY"}


@pytest.mark.parametrize(
    "changes",
    [{"country": "AQ"}, {"weight_g": 2_000_000}, {"weight_g": 10**12}, {"currency": "NOK"}, {"method": "pigeon"}],
    ids=["no zone", "too heavy", "heavier than a column holds", "no price in this currency", "no such method"],
)
def test_what_no_rate_fits_is_unavailable(changes: dict[str, Any]) -> None:
    """A refusal, not a failure: the quote can say so."""
    with pytest.raises(client.MethodUnavailable):
        rate(**changes)


def test_an_inactive_method_is_offered_to_nobody() -> None:
    """Neither in a quote nor in the list."""
    ShippingMethod.objects.filter(code="express").update(active=False)
    with pytest.raises(client.MethodUnavailable):
        rate(method="express")
    assert [method["code"] for method in Client().get("/shipping/methods").json()["results"]] == ["standard"]


def test_the_longest_postal_prefix_decides_the_zone() -> None:
    """An island costs more than its country; blanks and small letters do not matter."""
    islands = Zone.objects.create(name="Islands")
    ZoneArea.objects.create(zone=islands, country="GB", postal_prefix="ZE")
    Rate.objects.create(method_id="standard", zone=islands, currency="EUR", up_to_g=2_000, price=Decimal("29.90"))
    assert rate(country="GB", postal_code="ze 1 0aa").price.amount == Decimal("29.90")
    assert rate(country="GB", postal_code="SW1A 1AA").price.amount == Decimal("9.90")


def test_the_list_can_be_narrowed_to_a_country() -> None:
    """Each method with its prices; a country in no zone has none, a malformed one is a bad request."""
    everywhere = Client().get("/shipping/methods").json()["results"]
    assert {method["code"] for method in everywhere} == {"standard", "express"}
    at_home = Client().get("/shipping/methods?country=DE").json()["results"]
    assert {price["zone"] for method in at_home for price in method["prices"]} == {"Germany"}
    assert Client().get("/shipping/methods?country=AQ").json()["results"] == []
    assert Client().get("/shipping/methods?country=Germany").status_code == 400


def test_the_list_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Whatever the number of methods and rates."""
    with django_assert_num_queries(1):
        Client().get("/shipping/methods")
    zone = Zone.objects.create(name="More")
    for number in range(50):
        method = ShippingMethod.objects.create(code=f"m{number}", name="More", carrier="More")
        Rate.objects.create(method=method, zone=zone, currency="EUR", up_to_g=1, price=1)
    with django_assert_num_queries(1):
        Client().get("/shipping/methods")
