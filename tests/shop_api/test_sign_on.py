"""One sign-in opens the admin of every role, and each role shows what the staff role may see there."""

import os
from collections.abc import Callable
from uuid import uuid4

import pytest

from shop.roles import ROLES
from tests.shop_api.browser import Browser, Page
from tests.shop_api.client import PASSWORD, Api, Shop

SignIn = Callable[..., Browser]
SPLIT = os.environ.get("SHOP_TOPOLOGY") != "one"


@pytest.fixture(scope="module")
def boss(office: Api) -> Browser:
    """An administrator, signed in once."""
    browser = Browser(office.base_url)
    page = browser.sign_in(os.environ["SHOP_STAFF_EMAIL"], os.environ["SHOP_STAFF_PASSWORD"])
    assert page.status == 200, page.text[:500]
    assert not has_login(page)
    return browser


def has_login(page: Page) -> bool:
    return any("password" in form.fields for form in page.forms)


def staff_with(shop: Shop, boss: Browser, *roles: str) -> tuple[Browser, str]:
    """Somebody new to whom the administrator has given ``roles``, signed in; the account's admin page."""
    email = f"{uuid4().hex[:12]}@example.com"
    shop.customer(email)
    account = shop.signed_in(email).get("/user/me").body["id"]
    path = boss.visit("/user/admin/").path + f"identity/account/{account}/change/"
    give(boss, path, roles)
    browser = Browser(boss.base_url)
    assert not has_login(browser.sign_in(email, PASSWORD))
    return browser, path


def give(boss: Browser, path: str, roles: tuple[str, ...]) -> None:
    page = boss.get(path)
    (form,) = [each for each in page.forms if "email" in each.fields]
    saved = boss.submit(page, form, roles=list(roles))
    assert saved.status == 200, saved.text[:500]
    assert not saved.path.endswith("/change/"), saved.text


@pytest.mark.parametrize("role", ROLES)
def test_one_sign_in_opens_every_admin(boss: Browser, role: str) -> None:
    """The first page, its styles, a list; a form with its CSRF token, and none without."""
    page = boss.visit(f"/{role}/admin/")
    assert (page.status, has_login(page)) == (200, False), page.text[:500]
    assert page.styles
    assert {boss.get(style).status for style in page.styles} == {200}
    records = f"{page.path}idempotency/record/"
    shown = boss.get(records)
    assert shown.status == 200
    assert boss.post(records, {"action": "", "csrfmiddlewaretoken": shown.csrf}).status == 200
    assert boss.post(records, {"action": ""}).status == 403


def test_a_role_of_the_staff_sees_what_is_its_own(shop: Shop, boss: Browser) -> None:
    """A warehouse person: stock, no orders, no accounts; the API refuses a refund by the same table."""
    browser, _ = staff_with(shop, boss, "warehouse")
    seen = {
        "inventory/admin": "inventory/item/",
        "order/admin": "order/order/",
        "payment/admin": "payment/payment/",
        "user/admin": "identity/account/",
    }
    statuses = {}
    for admin, model in seen.items():
        page = browser.visit(f"/{admin}/")
        assert (page.status, has_login(page)) == (200, False), page.text[:500]
        statuses[model] = browser.get(page.path + model).status
    assert statuses == {"inventory/item/": 200, "order/order/": 403, "payment/payment/": 403, "identity/account/": 403}


@pytest.mark.parametrize(
    ("role", "refused", "allowed"),
    [
        ("warehouse", ["/order/orders/0000000000/refunds", "/product/categories"], "/inventory/warehouses"),
        ("catalogue-manager", ["/inventory/warehouses", "/inventory/receipts"], "/product/categories"),
        ("order-clerk", ["/inventory/receipts", "/product/products"], "/order/orders/0000000000/refunds"),
        ("support", ["/order/orders/0000000000/refunds", "/inventory/adjustments"], None),
    ],
)
def test_the_api_asks_the_same_table(
    shop: Shop, boss: Browser, role: str, refused: list[str], allowed: str | None
) -> None:
    """403 for what the role may not; what it may gets as far as its body (400) or what it names (404)."""
    _, path = staff_with(shop, boss, role)
    email = next(form.fields["email"] for form in boss.get(path).forms if "email" in form.fields)
    api = shop.signed_in(email)
    for each in refused:
        answer = api.post(each, {}, key=uuid4().hex)
        assert (answer.status, answer.problem) == (403, "permission-denied"), (each, answer)
    if allowed:
        assert api.post(allowed, {}, key=uuid4().hex).status in {400, 404}


def test_taking_a_role_away_ends_what_it_opened(shop: Shop, boss: Browser) -> None:
    """The refresh token is dead at once, and the next sign-in opens nothing."""
    browser, path = staff_with(shop, boss, "order-clerk")
    email = next(form.fields["email"] for form in boss.get(path).forms if "email" in form.fields)
    signed = shop.anyone.post("/user/token", {"email": email, "password": PASSWORD}).body
    give(boss, path, ())
    assert shop.anyone.post("/user/token/refresh", {"refresh": signed["refresh"]}).status == 401
    assert has_login(browser.get("/user/admin/"))


def test_a_customer_does_not_enter(shop: Shop, office: Api) -> None:
    """The login form is all there is."""
    email = f"{uuid4().hex[:12]}@example.com"
    shop.customer(email)
    browser = Browser(office.base_url)
    assert has_login(browser.sign_in(email, PASSWORD))
    for role in ROLES:
        page = browser.get(f"/{role}/admin/")
        assert has_login(page) or page.status == 403


def test_signing_out_ends_the_sign_in(shop: Shop, boss: Browser) -> None:
    """At the first page of the admin, by its own form: what is asked for next needs a password."""
    browser, _ = staff_with(shop, boss, "support")
    page = browser.visit("/user/admin/")
    (form,) = [each for each in page.forms if each.action.endswith("/logout/")]
    assert browser.submit(page, form).status == 200
    assert has_login(browser.get("/user/admin/"))


@pytest.mark.skipif(not SPLIT, reason="one process has one session, and nothing to hand over")
class TestBetweenRoles:
    """What only a split has: the way from user to another role."""

    def test_a_voucher_is_good_once_and_for_one_role(self, shop: Shop, boss: Browser) -> None:
        """Presented again, at another role, or by another browser it opens nothing, and the page says what to do."""
        browser, _ = staff_with(shop, boss, "order-clerk", "warehouse")
        page = browser.get("/order/admin/")
        assert page.headers["X-Sign-On"] == "1"
        assert page.headers["Cache-Control"] == "no-store"
        voucher = page.forms[0].fields
        stranger = Browser(boss.base_url)
        stranger.get("/order/admin/")
        for who, role in ((stranger, "order"), (browser, "inventory")):
            refused = who.post(f"/{role}/admin/sign-on", voucher)
            assert (refused.status, "Try again" in refused.text) == (403, True)
        attempt = [cookie for cookie in browser.jar if "sign_on" in cookie.name]
        assert browser.post("/order/admin/sign-on", voucher).status == 200
        for cookie in attempt:  # which the answer took away: a browser may have kept it
            browser.jar.set_cookie(cookie)
        assert browser.post("/order/admin/sign-on", voucher).status == 403
        assert browser.get("/order/admin/").headers.get("X-Sign-On") is None

    def test_two_panels_sign_on_at_once(self, shop: Shop, boss: Browser) -> None:
        """Each attempt has its own cookie, so neither spoils the other."""
        browser, _ = staff_with(shop, boss, "order-clerk")
        pages = [browser.get("/payment/admin/"), browser.get("/payment/admin/payment/payment/")]
        assert [browser.submit(page, page.forms[0]).status for page in pages] == [200, 200]

    @pytest.mark.parametrize(
        "path",
        [
            "https://evil.example/",
            "//evil.example/",
            "/user/admin/",
            "/order/../user/",
            "/order/%2e%2e/user",
            "/order\\",
        ],
    )
    def test_it_leads_to_the_roles_own_paths_only(self, boss: Browser, path: str) -> None:
        """Anything else becomes the first page of its admin."""
        from urllib.parse import urlencode

        page = boss.get(f"/order/admin/sign-on?{urlencode({'next': path})}")
        assert boss.submit(page, page.forms[0]).path == "/order/admin/"

    def test_a_session_is_the_roles_own_and_short(self, shop: Shop, boss: Browser) -> None:
        """Its cookie is sent to that role alone, and ends with the sign-in it came from."""
        browser, _ = staff_with(shop, boss, "order-clerk")
        browser.visit("/order/admin/")
        cookies = {cookie.name: cookie for cookie in browser.jar if cookie.name.endswith("_session")}
        assert {name: cookie.path for name, cookie in cookies.items()} == {
            "user_session": "/user/",
            "order_session": "/order/",
        }
        assert cookies["order_session"].expires <= cookies["user_session"].expires + 2
        assert not [cookie for cookie in browser.jar if "sign_on" in cookie.name]

    def test_customers_use_the_browsable_pages_of_every_role(self, shop: Shop, office: Api) -> None:
        """With the session of their sign-in at user, by the link that the page shows."""
        email = f"{uuid4().hex[:12]}@example.com"
        shop.customer(email)
        browser = Browser(office.base_url)
        page = browser.get("/order/admin/sign-on?next=/order/orders")
        (form,) = [each for each in page.forms if "username" in each.fields]
        page = browser.submit(page, form, username=email, password=PASSWORD)
        assert page.headers["X-Sign-On"] == "1"
        assert browser.submit(page, page.forms[0]).status == 200
        assert browser.get("/order/orders").status == 200
