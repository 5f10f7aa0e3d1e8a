"""Carts through HTTP: guests and customers, lines, merging, what other roles make of them."""

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.cart import client, services
from apps.cart.models import Cart, CartLine, Merge
from apps.product import services as product
from shop import context, metrics
from shop.audit.registry import book_of
from shop.events.registry import Received, handler_of
from shop.transactions import command
from tests.cart.conftest import LEVELS, PRICES, Shopper, customer, sell, stock

pytestmark = pytest.mark.django_db(transaction=True)
EMPTY = {"id": None, "items": [], "subtotal": {"amount": "0.00", "currency": "EUR"}, "notices": []}


def _problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rsplit("/")[-1]


def _merge(who: Shopper, token: str, **headers: str) -> Any:
    return who.send("POST", "/cart/merge", {"cart_token": token}, **headers)


def test_a_stranger_has_an_empty_cart() -> None:
    """Looking writes nothing, whoever looks."""
    assert Shopper().cart() == customer().cart() == EMPTY
    assert Client().get("/cart/").status_code == 200
    assert Cart.objects.count() == 0


def test_a_guest_gets_a_token_once() -> None:
    """In the first answer only, header and body; the database knows its hash."""
    sell("A", "B")
    stock("A", 7)
    guest = Shopper()
    first = guest.add("A", 2)
    assert (first.status_code, first["Location"]) == (201, "/cart")
    assert first.json()["token"] == first["X-Cart-Token"] == guest.token
    assert first.json()["items"] == [
        {
            "sku": "A",
            "name": "Lamp",
            "options": {"Colour": "blue"},
            "quantity": 2,
            "unit_price": {"amount": "2.50", "currency": "EUR"},
            "line_total": {"amount": "5.00", "currency": "EUR"},
            "available": 7,
        }
    ]
    second = guest.add("B")
    assert "token" not in second.json()
    assert "X-Cart-Token" not in second.headers
    assert guest.cart()["subtotal"] == {"amount": "7.50", "currency": "EUR"}
    assert Cart.objects.get().token_hash == hashlib.sha256(guest.token.encode()).hexdigest()
    assert len(guest.token) == 43  # 256 bits in base64


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/cart", None),
        ("DELETE", "/cart", None),
        ("POST", "/cart/items", {"sku": "A", "quantity": 1}),
        ("PATCH", "/cart/items/A", {"quantity": 1}),
        ("DELETE", "/cart/items/A", None),
    ],
)
def test_a_wrong_token_finds_no_cart(method: str, path: str, body: object) -> None:
    """404 cart-not-found, and nothing is made."""
    sell("A")
    assert _problem(Shopper(token="wrong").send(method, path, body)) == (404, "cart-not-found")
    assert Cart.objects.count() == 0


def test_the_same_sku_adds_up_to_999() -> None:
    """The answer says what was cut off."""
    sell("A")
    who = customer()
    who.add("A", 600)
    full = who.add("A", 600).json()
    assert [item["quantity"] for item in full["items"]] == [999]
    assert full["notices"] == [{"sku": "A", "wanted": 1200, "quantity": 999, "reason": "limit"}]
    assert who.add("A", 1).json()["notices"] == [{"sku": "A", "wanted": 1000, "quantity": 999, "reason": "limit"}]


def test_additions_at_once_all_count() -> None:
    """Ten parallel requests for one SKU: of a customer, who had no cart, and of a guest with one."""
    sell("A", "B")
    guest, who = Shopper(), customer()
    guest.add("B")
    _ten_at_once(who)
    _ten_at_once(guest)
    assert who.units() == {"A": 10}
    assert guest.units() == {"B": 1, "A": 10}


def _ten_at_once(who: Shopper) -> None:
    def add(shopper: Shopper) -> int:
        try:
            return int(shopper.add("A").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(add, [Shopper(who.account, who.token) for _ in range(10)])) == [201] * 10


@pytest.mark.parametrize(("lock", "units"), [("UPDATE", 3), ("SELECT", 2)])
def test_the_cart_lock_is_what_counts_both(monkeypatch: pytest.MonkeyPatch, lock: str, units: int) -> None:
    """One addition has written and not committed when the other arrives. The control, without the lock, loses one."""
    sell("A")
    guest = Shopper()
    guest.add("A")
    if lock == "SELECT":
        monkeypatch.setattr(services, "_LOCK_GUESTS", "SELECT id FROM cart_cart WHERE token_hash = %s")
    first, read = Semaphore(1), services._lines

    def read_late(cart_id: UUID) -> dict[str, int]:
        if first.acquire(blocking=False):
            _wait_for_a_waiter()
        return read(cart_id)

    monkeypatch.setattr(services, "_lines", read_late)

    def add(_: int) -> int:
        try:
            return int(Shopper(token=guest.token).add("A").status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(add, range(2))) == [201, 201]
    assert guest.units() == {"A": units}


def _wait_for_a_waiter() -> None:
    """Until another session of this database waits for a lock."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone():
                return
            cursor.execute("SELECT pg_stat_clear_snapshot()")
    raise AssertionError("nobody waits")


def test_a_key_adds_once() -> None:
    """For customers and for guests with a token; a key is its owner's own."""
    sell("A")
    guest = Shopper()
    guest.add("A")
    for who, before in ((customer(), 0), (guest, 1)):
        answers = [who.add("A", 2, **{"Idempotency-Key": "k"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[1]["Idempotency-Replayed"] == "true"
        assert who.units() == {"A": 2 + before}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sku": "A", "quantity": 0}, "quantity"),
        ({"sku": "A", "quantity": 1000}, "quantity"),
        ({"sku": "A", "quantity": "many"}, "quantity"),
        ({"sku": "a b", "quantity": 1}, "sku"),
        ({"quantity": 1}, "sku"),
        ([], "non_field_errors"),
    ],
)
def test_a_bad_line_is_refused(body: Any, field: str) -> None:
    """400, and the field is named."""
    answer = Shopper().send("POST", "/cart/items", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_what_is_not_sold_cannot_be_added() -> None:
    """404 unknown-sku; a stranger gets no cart for it."""
    assert _problem(Shopper().add("NOPE")) == (404, "unknown-sku")
    assert Cart.objects.count() == 0


def test_what_is_no_longer_sold_stays_without_a_price() -> None:
    """And counts for nothing."""
    sell("A")
    who = customer()
    who.add("A")
    product.change_product(sku="A", published=False)
    cart = who.cart()
    assert (cart["items"][0]["unit_price"], cart["items"][0]["available"]) == (None, 0)
    assert cart["subtotal"] == EMPTY["subtotal"]


def test_several_currencies_have_no_subtotal() -> None:
    """Nothing is converted by accident."""
    sell("A")
    sell("B", price="100", currency="JPY")
    who = customer()
    who.add("A")
    assert who.add("B").json()["subtotal"] is None


def test_lines_change_and_go() -> None:
    """PATCH sets, DELETE removes and may be repeated; a line that is not there cannot be set."""
    sell("A", "B")
    who = customer()
    who.add("A")
    who.add("B")
    assert who.send("PATCH", "/cart/items/A", {"quantity": 4}).json()["subtotal"]["amount"] == "12.50"
    assert who.send("PATCH", "/cart/items/A", {"quantity": 0}).status_code == 400
    assert [who.send("DELETE", "/cart/items/A").status_code for _ in range(2)] == [204, 204]
    assert _problem(who.send("PATCH", "/cart/items/A", {"quantity": 1})) == (404, "not-found")
    assert who.units() == {"B": 1}
    assert who.send("DELETE", "/cart").status_code == 204
    assert who.units() == {}
    assert who.send("DELETE", "/cart").status_code == Shopper().send("DELETE", "/cart").status_code == 204


def test_a_cart_holds_fifty_skus() -> None:
    """One more is refused, and leaves the cart as it was; a merge says what it left out."""
    sell(*(f"S{number}" for number in range(52)))
    stock("S51", 9)
    who = customer()
    who.add("S0")
    cart = Cart.objects.get()
    CartLine.objects.bulk_create(CartLine(cart=cart, sku=f"S{n}", quantity=1) for n in range(1, 50))
    assert _problem(who.add("S50")) == (409, "cart-full")
    assert who.add("S49").status_code == 201
    guest = Shopper()
    guest.add("S51")
    merged = _merge(who, guest.token).json()
    assert merged["notices"] == [{"sku": "S51", "wanted": 1, "quantity": 0, "reason": "cart-full"}]
    assert len(who.units()) == 50


def test_a_cart_costs_the_same_whatever_is_in_it() -> None:
    """As many statements and calls for one line as for fifty: prices once, availability once."""
    sell(*(f"S{number}" for number in range(50)))
    who = customer()
    who.add("S0")
    one = _cost(who)
    CartLine.objects.bulk_create(CartLine(cart=Cart.objects.get(), sku=f"S{n}", quantity=1) for n in range(1, 50))
    fifty = _cost(who)
    assert one == fifty
    assert fifty[1:] == (1, 1)


def _cost(who: Shopper) -> tuple[int, float, float]:
    before = _calls("product"), _calls("inventory")
    with CaptureQueriesContext(connection) as statements:
        who.cart()
    return len(statements), _calls("product") - before[0], _calls("inventory") - before[1]


def _calls(callee: str) -> float:
    return metrics.INTERNAL_REQUESTS.labels("cart", callee, "calls")._value.get()


def test_without_prices_there_is_no_cart_to_show(lose: Callable[[str, str], None]) -> None:
    """503 from every question and command that needs them, and nothing was changed; removing still works."""
    sell("A")
    who = customer()
    who.add("A")
    for method, path, body in (
        ("GET", "/cart", None),
        ("POST", "/cart/items", {"sku": "A", "quantity": 1}),
        ("PATCH", "/cart/items/A", {"quantity": 5}),
    ):
        lose(*PRICES)
        answer = who.send(method, path, body)
        assert (*_problem(answer), answer["Retry-After"]) == (503, "unavailable", "2")
    assert who.units() == {"A": 1}
    lose(*PRICES)
    assert who.send("DELETE", "/cart/items/A").status_code == 204


def test_without_inventory_availability_is_not_known(lose: Callable[[str, str], None]) -> None:
    """Null, and the rest is shown; a merge then adds up without a cap."""
    sell("A")
    stock("A", 1)
    guest, who = Shopper(), customer()
    guest.add("A", 2)
    lose(*LEVELS)
    assert guest.cart()["items"][0]["available"] is None
    lose(*LEVELS)
    assert _merge(who, guest.token).json()["items"][0]["quantity"] == 2


def test_merge_adds_up_and_kills_the_token() -> None:
    """A repeat returns the same cart and notices; to others, and to the guest, the token is unknown."""
    sell("A", "B", "C", "D")
    for sku, units in (("A", 9), ("B", 3), ("D", 9)):
        stock(sku, units)
    guest, who = Shopper(), customer()
    for sku, units in (("A", 2), ("B", 2), ("C", 1)):
        guest.add(sku, units)
    for sku, units in (("A", 1), ("B", 2), ("D", 1)):
        who.add(sku, units)
    merged = _merge(who, guest.token)
    assert merged.status_code == 200
    assert who.units() == {"A": 3, "B": 3, "D": 1}
    assert merged.json()["notices"] == [
        {"sku": "B", "wanted": 4, "quantity": 3, "reason": "available"},
        {"sku": "C", "wanted": 1, "quantity": 0, "reason": "available"},
    ]
    assert _merge(who, guest.token).json() == merged.json()
    assert _problem(_merge(customer(), guest.token)) == (404, "cart-not-found")
    assert guest.send("GET", "/cart").status_code == 404
    assert _merge(Shopper(), guest.token).status_code == 401


def test_merge_keeps_what_the_customer_had() -> None:
    """The customer's own units are never reduced, though there are fewer by now."""
    sell("A")
    stock("A", 1)
    guest, who = Shopper(), customer()
    guest.add("A", 1)
    who.add("A", 5)
    merged = _merge(who, guest.token).json()
    assert merged["items"][0]["quantity"] == 5
    assert merged["notices"] == [{"sku": "A", "wanted": 6, "quantity": 5, "reason": "available"}]


def test_merge_under_a_key_is_replayed_with_its_notices() -> None:
    """As it would be without one."""
    sell("A")
    guest, who = Shopper(), customer()
    guest.add("A")
    first, again = (_merge(who, guest.token, **{"Idempotency-Key": "k"}) for _ in range(2))
    assert again["Idempotency-Replayed"] == "true"
    assert first.json()["notices"] == again.json()["notices"] != []


def test_one_token_merged_at_once_counts_once() -> None:
    """Five requests of one customer: all 200, the units taken over once."""
    sell("A")
    stock("A", 99)
    guest, who = Shopper(), customer()
    guest.add("A", 3)

    def merge(shopper: Shopper) -> int:
        try:
            return int(_merge(shopper, guest.token).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(merge, [Shopper(who.account) for _ in range(5)])) == {200}
    assert who.units() == {"A": 3}


@command
def _confirm(cart_id: str, lines: dict[str, int]) -> None:
    handler = handler_of("cart", "order.confirmed.v1")
    assert handler
    told = [{"sku": sku, "name": "Lamp", "quantity": units} for sku, units in lines.items()]
    handler(Received("0", "order.confirmed.v1", "N1", 1, {"order_number": "N1", "cart_id": cart_id, "lines": told}))


def test_what_was_ordered_leaves_the_cart() -> None:
    """The ordered units only; orders of explicit lines, and of carts that are gone, change nothing."""
    sell("A", "B", "C")
    who = customer()
    for sku, units in (("A", 2), ("B", 5), ("C", 1)):
        who.add(sku, units)
    _confirm("", {"C": 1})
    _confirm(str(uuid4()), {"C": 1})
    _confirm(who.cart()["id"], {"A": 2, "B": 3, "GONE": 1})
    assert who.units() == {"B": 2, "C": 1}


def test_what_a_guest_ordered_leaves_the_cart_it_was_merged_into() -> None:
    """A guest who signs in after the quote does not find the order in the cart."""
    sell("A", "B")
    stock("A", 9)
    guest, who = Shopper(), customer()
    guest.add("A", 2)
    quoted = guest.cart()["id"]
    who.add("B")
    _merge(who, guest.token)
    _confirm(quoted, {"A": 2})
    assert who.units() == {"B": 1}


def test_what_order_reads_of_a_cart() -> None:
    """Lines and id of a customer's or a token's cart; without lines, and for a wrong token, nothing."""
    sell("A")
    guest, who = Shopper(), customer()
    guest.add("A", 2)
    assert who.account
    with context.working_as("order"):
        assert client.contents(customer_id=str(who.account.pk), cart_token="") == client.Contents()
        assert client.contents(customer_id="", cart_token="wrong") == client.Contents()
        assert client.contents(customer_id="", cart_token="x" * 300) == client.Contents()
        assert client.contents(customer_id="", cart_token="") == client.Contents()
        found = client.contents(customer_id="", cart_token=guest.token)
    assert found == client.Contents(cart_id=guest.cart()["id"], lines={"A": 2})


def test_guests_are_forgotten_after_90_days() -> None:
    """Their carts and merges; younger ones and customers' stay."""
    sell("A")
    shoppers = [Shopper(), Shopper(), customer()]
    for shopper in shoppers:
        shopper.add("A")
    Merge.objects.create(token_hash="0" * 64, guest_cart_id=uuid4(), customer_id=uuid4())
    _age(Cart.objects.exclude(pk=shoppers[1].cart()["id"]))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cart_merge SET merged_at = now() - interval '91 days'")
    assert services.forget_guests() == 2
    assert services.forget_guests() == 0
    assert {cart.pk for cart in Cart.objects.all()} == {UUID(who.cart()["id"]) for who in shoppers[1:]}


def _age(carts: Any) -> None:
    ids = list(carts.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cart_cart SET touched_at = now() - interval '91 days' WHERE id = ANY(%s)", [ids])


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO cart_cart (id) VALUES (gen_random_uuid())",
        "UPDATE cart_cart SET token_hash = 'x'",
        "UPDATE cart_cartline SET quantity = 0",
        "UPDATE cart_cartline SET quantity = 1000",
    ],
)
def test_the_database_holds_the_invariants(sql: str) -> None:
    """One owner, 1 to 999 units."""
    sell("A")
    customer().add("A")
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_audit_names_what_is_broken() -> None:
    """Each rule finds the row that was corrupted behind the program's back."""
    sell("A")
    guest = Shopper()
    guest.add("A")
    assert _broken() == {}
    cart = Cart.objects.get()
    Merge.objects.create(token_hash=cart.token_hash, guest_cart_id=uuid4(), customer_id=uuid4())
    check = "CHECK (quantity BETWEEN 1 AND 999)"
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cart_cartline DROP CONSTRAINT cart_line_quantity")
        cursor.execute("UPDATE cart_cartline SET quantity = 1000")
        broken = _broken()
        cursor.execute("UPDATE cart_cartline SET quantity = 1")
        cursor.execute(f"ALTER TABLE cart_cartline ADD CONSTRAINT cart_line_quantity {check}")
    assert broken == {"merged-token-opens-a-cart": str(cart.pk), "line-quantity": str(cart.pk)}


def _broken() -> dict[str, str]:
    found = {}
    with connection.cursor() as cursor:
        for name, sql in book_of("cart").rules.items():
            cursor.execute(sql)
            found.update((name, row[0]) for row in cursor.fetchall())
    return found


def test_pages_for_people() -> None:
    """The browsable cart and forms open, and the admin shows carts without their token's hash."""
    sell("A")
    guest = Shopper()
    guest.add("A")
    who = customer()
    who.add("A")
    for path in ("/cart", "/cart/items", "/cart/items/A", "/cart/merge"):
        page = who.client.get(path, headers={"Accept": "text/html"})
        assert page.status_code in {200, 405}
    assert who.account
    who.account.is_staff = who.account.is_superuser = True
    who.account.save()
    cart = Cart.objects.exclude(token_hash=None).get()
    for path in ("cart", "cartline", "merge", f"cart/{cart.pk}/change"):
        page = who.client.get(f"/admin/cart/{path}/")
        assert page.status_code == 200
        assert str(cart.token_hash).encode() not in page.content
