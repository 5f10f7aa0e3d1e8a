"""The start page: eight roles, and an order that anybody can place and watch."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Route, expect

from shop.roles import ROLES
from tests.browser.visitor import Visitor
from tests.shop_api.client import Shop, wait_for

PHONE = (390, 844)
DELIVERED_S = 60


@pytest.mark.parametrize("visitor", [PHONE], indirect=True, ids=["phone"])
def test_every_role_is_shown_ready_on_a_phone(visitor: Visitor) -> None:
    """Eight roles with their health and links; nothing is wider than the screen."""
    page = visitor.open("/")
    for role in ROLES:
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=role, exact=True))
        expect(card).to_contain_text("ready")
        expect(card.get_by_role("link")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_demo_order_is_drawn_to_delivered(visitor: Visitor) -> None:
    """By keyboard alone: each step with its duration, three mails to read, and the audit's verdict."""
    page = visitor.open("/")
    looks = []

    def of_which_two_are_late(route: Route) -> None:
        answer = route.fetch()
        looks.append(answer)
        route.fulfill(response=answer, json={"results": answer.json()["results"][: 1 if len(looks) == 1 else None]})

    page.route("**/notification/mailbox*", of_which_two_are_late)
    button = page.get_by_role("button", name="Place a demo order")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="An order is on its way")).to_be_focused()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("every book agrees", timeout=DELIVERED_S * 1000)
    assert re.fullmatch(r"Order \w{10}: delivered after [\d.]+ s, 3 mails, every book agrees\.", outcome.inner_text())
    steps = page.locator("#steps > li")
    expect(steps).to_have_count(7)
    for step in steps.all():
        expect(step).to_have_class("done")
        expect(step.locator(".took")).to_have_text(re.compile(r"^[\d.]+ s$"))
    page.locator("summary").last.click()
    expect(page.locator("#step-mail pre").last).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("delivered after")  # what a screen reader hears last
    visitor.look()


def test_what_is_bought_is_in_stock(visitor: Visitor) -> None:
    """Also of a product whose first variant is sold out."""
    page = visitor.open("/")

    def first_sold_out(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["results"] = [each for each in body["results"] if len(each["variants"]) > 1 and each["available"] == 0]
        assert body["results"]
        route.fulfill(response=answer, json=body)

    page.route("**/product/products*", first_sold_out)
    page.get_by_role("button", name="Place a demo order").click()
    expect(page.locator("#step-confirmed")).to_have_class("done")


def test_books_that_disagree_are_said(visitor: Visitor) -> None:
    """What the audit found is on the page, and nothing on it claims that all is well."""
    page = visitor.open("/")
    found = {"verdict": "disagreement", "disagreements": ["order/total-adds-up 7: 3 instead of 2"], "unread": []}
    page.route("**/demo-order/audit", lambda route: route.fulfill(json=found))
    page.get_by_role("button", name="Place a demo order").click()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("the books do not agree", timeout=DELIVERED_S * 1000)
    expect(outcome).to_have_class("outcome bad")
    expect(page.locator("#step-audit")).to_contain_text("3 instead of 2")
    visitor.look()


def test_a_declined_card_is_said_clearly(visitor: Visitor) -> None:
    """The page says what was refused and why, in words, and lets one press again."""
    visitor.foreseen.append("402")
    page = visitor.open("/")

    def with_a_bad_card(route: Route) -> None:
        route.continue_(post_data=(route.request.post_data or "").replace("tok_always_ok", "tok_declined"))

    page.route("**/order/orders", with_a_bad_card)
    page.get_by_role("button", name="Place a demo order").click()
    # At once, or, where the shop is too busy to say so within its budget, once it is rejected.
    expect(page.locator("#outcome")).to_contain_text(re.compile("payment.declined", re.IGNORECASE))
    expect(page.locator("#step-confirmed")).to_have_class("failed")
    expect(page.get_by_role("button", name="Place another")).to_be_enabled()
    visitor.look()


def test_a_shop_that_does_not_answer_is_said_clearly(visitor: Visitor) -> None:
    """A lost connection is repeated, then told; the page does not wait for ever."""
    visitor.foreseen.append("ERR_CONNECTION_RESET")
    page = visitor.open("/")
    page.route("**/product/products*", lambda route: route.abort("connectionreset"))
    page.get_by_role("button", name="Place a demo order").click()
    expect(page.locator("#outcome")).to_contain_text("does not answer")


def test_one_audit_at_a_time(shop: Shop) -> None:
    """Eight presses at once: every answer is a verdict or "ask again", and the verdict is clean in the end."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: shop.anyone.get("/demo-order/audit"), range(8)))
    assert {answer.status for answer in answers} <= {200, 503}
    assert all(answer.headers["Retry-After"] for answer in answers if answer.status == 503)
    assert [answer for answer in answers if answer.status == 200]
    final = wait_for(lambda: shop.anyone.get("/demo-order/audit"), lambda answer: answer.status == 200)
    assert final.body["verdict"] == "clean", final.body
