"""Reviews: one per customer, verified by order, shown once approved, counted in the rating."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from apps.order.models import Order, OrderLine, Quote
from apps.product import reviews, services
from apps.product.models import Review
from apps.product.reviews import AlreadyReviewed, UnknownReview
from shop import context
from shop.audit.registry import book_of
from shop.identity.models import Account
from tests.product.test_putting import chair

pytestmark = pytest.mark.django_db(transaction=True)
REVIEWS = "/product/products/C-RED/reviews"
GOOD = {"author": "Ada", "rating": 5, "title": "Good", "text": "Sits well."}


@pytest.fixture(autouse=True)
def product(transactional_db: None) -> None:
    services.put_products(drafts=[chair()])


@pytest.fixture
def customer() -> Client:
    return signed_in("ada@example.com")


def signed_in(email: str) -> Client:
    client = Client()
    client.force_login(Account.objects.create_user(email=email, password="correct-horse-battery"))
    return client


def post(client: Client, body: object = GOOD) -> Any:
    return client.post(REVIEWS, body, content_type="application/json")


def shown() -> Any:
    return Client().get("/product/products/C-RED").json()["rating"]


def bought(account_id: UUID, sku: str, state: str) -> None:
    """An order of one line, as role order keeps it."""
    amounts = dict.fromkeys(("subtotal", "shipping", "shipping_tax", "tax", "total"), 5)
    terms = {
        "customer_id": account_id,
        "currency": "EUR",
        "prices_include_tax": True,
        "shipping_address": {},
        **amounts,
    }
    open_ended = {} if state == "delivered" else {"step": "reserve", "due_at": Now()}
    order = Order.objects.create(
        **terms,
        quote=Quote.objects.create(**terms, lines=[], expires_at=Now()),
        number=uuid4().hex[:10].upper(),
        state=state,
        payment_id=uuid4(),
        reservation_id=uuid4(),
        **({"step": ""} | open_ended),
    )
    OrderLine.objects.create(
        order=order, position=0, sku=sku, quantity=1, unit_price=5, total=5, tax_class="standard", tax_rate=0, tax=0
    )


def test_a_review_is_shown_once_approved(customer: Client, staff: Client) -> None:
    """Until then to staff only; afterwards it counts in the rating of list and page."""
    made = post(customer)
    assert (made.status_code, made.json()["verified"]) == (201, False), made.content
    assert (Client().get(REVIEWS).json()["results"], shown()) == ([], None)
    (waiting,) = staff.get("/product/reviews?state=pending").json()["results"]
    decided = staff.patch(f"/product/reviews/{waiting['id']}", {"state": "approved"}, content_type="application/json")
    assert decided.json()["state"] == "approved"
    (seen,) = Client().get(REVIEWS).json()["results"]
    assert (seen["author"], seen["rating"], "account_id" in seen) == ("Ada", 5, False)
    assert shown() == {"average": 5.0, "count": 1}
    assert Client().get("/product/products").json()["results"][0]["rating"] == shown()


def test_a_decision_can_be_changed(customer: Client) -> None:
    """The rating is always that of the approved ones, and the audit agrees."""
    first = post(customer).json()["id"]
    second = post(signed_in("bob@example.com"), GOOD | {"rating": 2}).json()["id"]
    for number in (first, second, second):
        reviews.moderate(review_id=number, approve=True)
    assert shown() == {"average": 3.5, "count": 2}
    reviews.moderate(review_id=first, approve=False)
    assert shown() == {"average": 2.0, "count": 1}
    assert _broken() == {}
    Review.objects.filter(pk=second).update(rating=4)
    assert set(_broken()) == {"rating-is-of-approved-reviews"}
    with pytest.raises(UnknownReview):
        reviews.moderate(review_id=0, approve=True)


def _broken() -> dict[str, str]:
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for name in ("rating-is-of-approved-reviews", "facets-are-options-and-attributes"):
            cursor.execute(book_of("product").rules[name])
            found.update((name, row[0]) for row in cursor.fetchall())
    return found


def test_facets_that_are_wrong_are_found() -> None:
    """The audit names the product."""
    assert _broken() == {}
    with connection.cursor() as cursor:
        cursor.execute("UPDATE product_product SET facets = '{colour=pink}' WHERE slug = 'chair'")
    assert set(_broken()) == {"facets-are-options-and-attributes"}


def test_one_review_each(customer: Client) -> None:
    """409 for a second; 401 without an account; 404 for what is not sold."""
    post(customer)
    again = post(customer)
    assert (again.status_code, again.json()["type"].rsplit("/")[-1]) == (409, "already-reviewed")
    assert post(Client()).status_code == 401
    assert customer.post("/product/products/NOPE/reviews", GOOD, content_type="application/json").status_code == 404
    account = Account.objects.get(email="ada@example.com")
    with pytest.raises(AlreadyReviewed):
        reviews.write(sku="C-BLUE", account_id=account.pk, author="A", rating=1)


@pytest.mark.parametrize("wrong", [{"rating": 0}, {"rating": 6}, {"author": ""}, {"text": "x" * 5001}], ids=range(4))
def test_a_bad_review_is_refused(customer: Client, wrong: dict[str, Any]) -> None:
    """400 naming the field."""
    answer = post(customer, GOOD | wrong)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, set(wrong))


def test_others_do_not_moderate(customer: Client) -> None:
    """403 for customers."""
    number = post(customer).json()["id"]
    assert customer.get("/product/reviews").status_code == 403
    assert customer.patch(f"/product/reviews/{number}", {"state": "approved"}).status_code == 403


@pytest.mark.parametrize(("state", "verified"), [("confirmed", True), ("delivered", True), ("pending", False)])
def test_verified_when_order_says_so(state: str, verified: bool) -> None:
    """Any variant of the product, in an order that came about."""
    account = uuid4()
    bought(account, "C-BLUE", state)
    review = reviews.write(sku="C-RED", account_id=account, author="A", rating=4)
    with context.working_as("product"):
        assert (reviews.verify_due(), reviews.verify_due()) == (1, 0)
    assert Review.objects.get(pk=review.pk).verified is verified


def test_order_may_be_asked_later() -> None:
    """While it does not answer the review stands, unverified; the job asks again."""
    review = reviews.write(sku="C-RED", account_id=uuid4(), author="A", rating=4)
    with context.working_as("product"), context.deadline(0):  # no time left: no answer
        assert reviews.verify_due() == 0
    assert Review.objects.get(pk=review.pk).verified is None
    with context.working_as("product"):
        assert reviews.verify_due() == 1
