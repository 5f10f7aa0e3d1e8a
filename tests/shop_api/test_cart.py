"""Carts of guests and customers, and what becomes of one at sign-in."""

from tests.shop_api.client import Shop, wait_for


def test_a_guest_cart_is_merged_at_sign_in(shop: Shop) -> None:
    """Quantities add up, the token is dead afterwards, and a repeat returns the same cart."""
    one, two, who = shop.product(on_hand=9), shop.product(on_hand=9), shop.customer()
    token = shop.anyone.post("/cart/items", {"sku": one, "quantity": 2}).headers["X-Cart-Token"]
    guest = shop.anyone.and_headers(**{"X-Cart-Token": token})
    guest.post("/cart/items", {"sku": two, "quantity": 1})
    who.post("/cart/items", {"sku": one, "quantity": 1})
    merged = who.post("/cart/merge", {"cart_token": token})
    assert merged.status == 200, merged
    quantities = {item["sku"]: item["quantity"] for item in merged.body["items"]}
    assert quantities == {one: 3, two: 1}
    again = who.post("/cart/merge", {"cart_token": token})
    assert {item["sku"]: item["quantity"] for item in again.body["items"]} == quantities
    assert guest.get("/cart").status == 404
    assert shop.customer().post("/cart/merge", {"cart_token": token}).status == 404


def test_a_merge_says_what_it_could_not_keep(shop: Shop) -> None:
    """More than there is in both carts together: capped, with a notice."""
    sku, who = shop.product(on_hand=3), shop.customer()
    token = shop.anyone.post("/cart/items", {"sku": sku, "quantity": 2}).headers["X-Cart-Token"]
    who.post("/cart/items", {"sku": sku, "quantity": 2})
    merged = who.post("/cart/merge", {"cart_token": token})
    assert merged.body["items"][0]["quantity"] == 3
    assert merged.body["notices"]


def test_lines_can_be_changed_and_removed(shop: Shop) -> None:
    """PATCH sets, DELETE removes, the subtotal follows."""
    sku, who = shop.product(price="2.50", on_hand=9), shop.customer()
    who.post("/cart/items", {"sku": sku, "quantity": 1})
    changed = who.patch(f"/cart/items/{sku}", {"quantity": 4})
    assert (changed.status, changed.body["subtotal"]) == (200, {"amount": "10.00", "currency": "EUR"})
    assert who.delete(f"/cart/items/{sku}").status in {200, 204}
    assert who.get("/cart").body["items"] == []


def test_what_was_ordered_leaves_the_cart_and_nothing_else(shop: Shop) -> None:
    """A line added after the quote stays."""
    from tests.shop_api.client import ADDRESS

    bought, kept, who = shop.product(on_hand=9), shop.product(on_hand=9), shop.customer()
    who.post("/cart/items", {"sku": bought, "quantity": 1})
    quote = who.post("/order/quotes", {"shipping_address": ADDRESS, "shipping_method": "standard"})
    who.post("/cart/items", {"sku": kept, "quantity": 1})
    assert shop.pay(who, quote.body["id"]).status == 201
    left = wait_for(lambda: [item["sku"] for item in who.get("/cart").body["items"]], lambda skus: bought not in skus)
    assert left == [kept]


def test_an_unknown_sku_cannot_be_put_in_a_cart(shop: Shop) -> None:
    """A refusal, not a line that can never be bought."""
    answer = shop.customer().post("/cart/items", {"sku": "NO-SUCH-SKU", "quantity": 1})
    assert (answer.status in {400, 404}, answer.problem) == (True, "unknown-sku")
