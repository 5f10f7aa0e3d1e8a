"""What people are told, and where their parcel is."""

from uuid import uuid4

from tests.shop_api.client import Shop, wait_for


def test_a_customer_is_told_of_every_step(shop: Shop) -> None:
    """Welcome, confirmed, on its way, delivered: one mail each, and the same in their messages."""
    email = f"{uuid4().hex[:12]}@example.com"
    sku, who = shop.product(on_hand=1), shop.customer(email)
    number = shop.buy(who, sku).body["number"]
    shop.wait_for_state(number, "delivered")
    mails = wait_for(lambda: shop.mails_to(email), lambda found: len(found) >= 4)
    assert len(mails) == len({mail["message_id"] for mail in mails}) == 4
    assert sum(number in mail["subject"] + mail["text"] for mail in mails) == 3
    assert len(who.get("/notification/messages").body["results"]) == 4
    assert shop.customer().get("/notification/messages").body["results"] != mails


def test_a_guest_is_told_by_mail(shop: Shop) -> None:
    """The address given with the quote gets the confirmation."""
    email = f"{uuid4().hex[:12]}@example.com"
    quote = shop.quote(shop.anyone, shop.product(on_hand=1), email=email)
    number = shop.pay(shop.anyone, quote.body["id"]).body["number"]
    mails = wait_for(lambda: shop.mails_to(email), lambda found: bool(found))
    assert number in mails[0]["subject"] + mails[0]["text"]


def test_a_refund_is_told(shop: Shop) -> None:
    """The customer learns that money is on its way back."""
    email = f"{uuid4().hex[:12]}@example.com"
    sku, who = shop.product(on_hand=1), shop.customer(email)
    number = shop.buy(who, sku).body["number"]
    shop.wait_for_state(number, "delivered")
    refund = {"amount": {"amount": "1.00", "currency": "EUR"}}
    assert shop.staff.post(f"/order/orders/{number}/refunds", refund, key=uuid4().hex).status == 201
    wait_for(lambda: shop.mails_to(email), lambda found: any("refund" in mail["subject"].lower() for mail in found))


def test_a_rejection_after_202_is_told(shop: Shop) -> None:
    """Who was told to wait is told how it ended."""
    email = f"{uuid4().hex[:12]}@example.com"
    sku, who = shop.product(on_hand=1), shop.customer(email)
    placed = shop.buy(who, sku, token="tok_unavailable")
    number = placed.body["number"]
    wait_for(
        lambda: shop.mails_to(email), lambda found: any(number in m["subject"] + m["text"] for m in found), within_s=40
    )


def test_low_stock_is_told_once(shop: Shop) -> None:
    """The warehouse hears when units run low, not at every sale after that."""
    sku = shop.product(on_hand=7)
    for _ in range(4):
        assert shop.buy(shop.anyone, sku).status == 201

    def mails() -> list[str]:
        found = shop.staff.get("/notification/messages?limit=100").body["results"]
        return [mail["subject"] for mail in found if sku in mail["subject"]]

    wait_for(mails, bool)
    assert len(mails()) == 1


def test_a_parcel_can_be_tracked_without_an_account(shop: Shop) -> None:
    """By its number alone, and without a word about who gets it."""
    who = shop.customer()
    number = shop.buy(who, shop.product(on_hand=1)).body["number"]
    shop.wait_for_state(number, ["shipped", "delivered"])
    # The order's page follows shipping's events, moments after the saga.
    shipment = wait_for(lambda: shop.order(number)["shipments"][0], lambda shown: bool(shown["tracking_number"]))
    tracked = shop.anyone.get(f"/shipping/shipments/{shipment['tracking_number']}")
    assert tracked.status == 200
    assert "Ada" not in str(tracked.body)
    assert "Main Street" not in str(tracked.body)
