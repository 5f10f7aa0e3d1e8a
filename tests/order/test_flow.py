"""Buying, from the quote to the door, and every way in which it ends earlier."""


from tests.order.world import World, available, timeline


def test_a_customer_buys_and_it_is_delivered(shop: World) -> None:
    """Confirmed in the answer; later shipped and delivered, paid once, the units gone."""
    sku, who = shop.sku(5), shop.customer()
    quote = who.quote({sku: 2})
    assert quote.status == 201, quote
    placed = who.pay(quote.body["id"])
    assert (placed.status, placed.body.get("status")) == (201, "confirmed"), placed
    assert placed.body["total"] == quote.body["total"]
    shop.reach(placed.body["number"], "delivered")
    page = who.get(f"/order/orders/{placed.body['number']}").body
    assert page["payment"]["status"] == "captured"
    assert page["shipments"][0]["status"] == "delivered"
    assert available(sku) == 3
    assert timeline(placed.body["number"]) == ["pending", "confirmed", "shipped", "delivered"]
