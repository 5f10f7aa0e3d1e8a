"""Documents, pages and forms, as a browser gets them."""

import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
import urllib3

from shop.roles import ROLES
from tests.shop_api.client import Api, Shop


def _page(who: Api, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", who.base_url + path, headers={"Accept": "text/html", **headers}, retries=False)


@pytest.mark.parametrize("role", ROLES)
def test_the_api_is_described(office: Api, role: str) -> None:
    """OpenAPI 3, with the role's own paths and none of the internal ones."""
    document = office.get(f"/{role}/openapi.json").body
    assert document["openapi"].startswith("3.")
    assert document["paths"]
    assert all(path.startswith(f"/{role}") and "internal" not in path for path in document["paths"])


@pytest.mark.parametrize("role", ROLES)
def test_the_docs_page_needs_nothing_from_elsewhere(office: Api, role: str) -> None:
    """Everything the page loads comes from the shop itself, and arrives."""
    html = _page(office, f"/{role}/docs").data.decode()
    linked = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert linked
    assert not [link for link in linked if link.startswith(("http", "//"))]
    for link in linked:
        assert _page(office, link).status == 200, link


@pytest.mark.parametrize("role", ROLES)
def test_the_browsable_api_is_styled(shop: Shop, role: str) -> None:
    """The page is HTML and its style sheets and scripts load from this role."""
    html = _page(shop.anyone, f"/{role}").data.decode()
    sheets = re.findall(r'<link[^>]+href="([^"]+\.css)"', html)
    assert sheets
    for sheet in sheets:
        answer = _page(shop.anyone, sheet)
        assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (200, "text/css")


def test_a_form_works_with_csrf_and_not_without(shop: Shop) -> None:
    """Registering through the browsable form."""
    page = _page(shop.anyone, "/user/register")
    html = page.data.decode()
    assert html.count("<select") == html.count('name="_content_type"')  # of the raw form; nothing lists rows
    cookies = SimpleCookie(page.headers.get("Set-Cookie", ""))
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    match = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    fields = {"email": f"form-{id(page)}@example.com", "password": "correct-horse-battery", "name": "Form"}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Cookie": cookie}
    if match:
        fields["csrfmiddlewaretoken"] = match[1]
    url = shop.anyone.base_url + "/user/register"
    sent = urllib3.request("POST", url, body=urlencode(fields), headers=headers, retries=False)
    assert sent.status == 201, sent.data[:500]


def test_every_answer_names_its_service(shop: Shop) -> None:
    """Refusals too; which of its versions, where there are two, is the mesh's to choose."""
    for path in ("/product/products", "/product/products/NOTHING", "/product/nothing"):
        answer = shop.anyone.get(path)
        assert answer.headers["X-Service"] == "product"
        assert answer.headers["X-Service-Version"] in {"v1", "v2"}


def test_an_order_can_be_placed_by_form(shop: Shop) -> None:
    """The form's hidden key stands for the header; the same form sent twice is one order."""
    quote = shop.quote(shop.anyone, shop.product(on_hand=1)).body["id"]
    html = _page(shop.anyone, "/order/orders").data.decode()
    key = re.search(r'name="idempotency_key" value="(\w+)"', html)
    assert key
    fields = {"idempotency_key": key[1], "quote": quote, "payment.token": "tok_always_ok"}
    sent = [
        urllib3.request(
            "POST",
            shop.anyone.base_url + "/order/orders",
            body=urlencode(fields),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            retries=False,
        )
        for _ in range(2)
    ]
    assert [answer.status for answer in sent] == [201, 201]
    assert len({answer.json()["number"] for answer in sent}) == 1
