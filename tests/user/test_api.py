"""Accounts over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY

from apps.user import client, services
from apps.user.models import Address
from shop import context
from shop.events.models import Event
from shop.identity import credentials, throttle
from shop.identity.models import Account, SignInThrottle
from tests.user.conftest import PASSWORD, Api

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = {"name": "Ada", "line1": "1 Main St", "city": "Berlin", "postal_code": "10115", "country": "DE"}


def test_registering(api: Api, email: str) -> None:
    """201 with what the account is; one event, with a delivery to notification."""
    made = api("POST", "/user/register", {"email": email.upper(), "password": PASSWORD, "name": "Ada"})
    assert made.status_code == 201
    body = made.json()
    assert body == {"id": str(Account.objects.get().pk), "email": email, "name": "Ada"}
    event = Event.objects.get(name="account.registered.v1")
    assert event.payload == {"account_id": body["id"], "email": email, "name": "Ada"}
    assert [delivery.subscriber for delivery in event.deliveries.all()] == ["notification"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"password": "12345"}, "password"),
        ({"password": "password1"}, "password"),
        ({"password": "x" * 5000}, "password"),
        ({"password": None}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "ad\u0131@example.com"}, "email"),
        ({"email": "a@" + "b" * 300 + ".com"}, "email"),
        ({"email": ["a@example.com"]}, "email"),
        ({"name": ""}, "name"),
        ({"name": "\x00"}, "name"),
        ({"name": "\ud800"}, "name"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_bad_registrations(api: Api, email: str, changed: dict[str, Any], field: str) -> None:
    """400, naming the field; no account."""
    sent = {"email": email, "password": PASSWORD, "name": "Ada"} | changed
    answer = api("POST", "/user/register", sent)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert not Account.objects.exists()


def test_one_address_is_registered_once(api: Api, email: str) -> None:
    """Eight at once, in any case: one 201, seven 409, one event."""

    def register(spelling: str) -> tuple[int, str]:
        answer = api("POST", "/user/register", {"email": spelling, "password": PASSWORD, "name": "Ada"})
        connection.close()
        return answer.status_code, answer.json().get("type", "").rpartition("/")[2]

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(register, [email, email.title()] * 4))
    assert answers == [(201, "")] + [(409, "email-taken")] * 7
    assert Event.objects.count() == 1


def test_a_registration_is_replayed_by_its_key(api: Api, email: str) -> None:
    """Same key and body: 201 once more, marked; no second account."""
    sent = {"email": email, "password": PASSWORD, "name": "Ada"}
    first = api("POST", "/user/register", sent, Idempotency_Key="k1")
    again = api("POST", "/user/register", sent, Idempotency_Key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"


def test_a_password_is_kept_hashed(registered: str) -> None:
    """It is not in the row."""
    assert PASSWORD not in Account.objects.get(email=registered).password


def test_signing_in(api: Api, registered: str) -> None:
    """Tokens that open the account; the address in any case."""
    answer = api("POST", "/user/token", {"email": registered.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh", "expires_in"}
    assert answer["Cache-Control"] == "no-store"
    me = api("GET", "/user/me", access=answer.json()["access"])
    assert me.json()["email"] == registered


def test_a_refused_sign_in_tells_nothing(api: Api, registered: str) -> None:
    """Wrong password, unknown address, inactive account: the same answer."""
    wrong = api("POST", "/user/token", {"email": registered, "password": "wrong"})
    unknown = api("POST", "/user/token", {"email": "no" + registered, "password": PASSWORD})
    Account.objects.update(is_active=False)
    inactive = api("POST", "/user/token", {"email": registered, "password": PASSWORD})
    assert wrong.status_code == 401
    assert wrong["WWW-Authenticate"]
    assert wrong.content == unknown.content == inactive.content


def test_guesses_at_an_account_are_limited(api: Api, registered: str) -> None:
    """Thirty wrong passwords at once: ten are looked at; then not even the right one is."""

    def guess(number: int) -> int:
        answer = api("POST", "/user/token", {"email": registered, "password": f"wrong {number}"})
        connection.close()
        return int(answer.status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(guess, range(30)))
    assert statuses == [401] * throttle.PER_EMAIL + [429] * (30 - throttle.PER_EMAIL)
    right = api("POST", "/user/token", {"email": registered, "password": PASSWORD})
    assert (right.status_code, right.json()["type"].rpartition("/")[2]) == (429, "too-many-attempts")
    assert 0 < int(right["Retry-After"]) <= throttle.WINDOW_S
    assert not Client().login(username=registered, password=PASSWORD)  # nor by the other way in
    SignInThrottle.objects.update(ends_at="2020-01-01T00:00:00Z")
    assert api("POST", "/user/token", {"email": registered, "password": PASSWORD}).status_code == 200


def test_guesses_from_an_address_are_limited(api: Api, registered: str) -> None:
    """Whatever the accounts; success is not counted, failure is."""
    for _ in range(2):
        api("POST", "/user/token", {"email": registered, "password": PASSWORD})
    api("POST", "/user/token", {"email": "a@example.com", "password": "wrong"})
    of_address = SignInThrottle.objects.filter(subject="address:127.0.0.1")
    assert of_address.get().failures == 1
    of_address.update(failures=throttle.PER_ADDRESS)
    assert api("POST", "/user/token", {"email": registered, "password": PASSWORD}).status_code == 429
    of_address.update(failures=throttle.PER_ADDRESS - 1)
    assert api("POST", "/user/token", {"email": registered, "password": PASSWORD}).status_code == 200


def test_my_account(api: Api, signed: dict[str, Any]) -> None:
    """Its owner sees it, and changes the name, nothing else."""
    changed = api("PATCH", "/user/me", {"name": "Grace", "is_staff": True}, access=signed["access"])
    assert (changed.status_code, changed.json()["name"], changed.json()["is_staff"]) == (200, "Grace", False)
    assert api("GET", "/user/me", access=signed["access"]).json() == changed.json()
    assert api("GET", "/user/me").status_code == 401
    Account.objects.update(is_active=False)
    assert api("GET", "/user/me", access=signed["access"]).status_code == 401


def test_my_addresses(api: Api, signed: dict[str, Any]) -> None:
    """Add, read, change, replace, remove; what is left out of a replacement is emptied."""
    access = signed["access"]
    made = api("POST", "/user/addresses", ADDRESS | {"line2": "c/o"}, access=access)
    assert made.status_code == 201
    path = f"/user/addresses/{made.json()['id']}"
    assert api("GET", path, access=access).json() == made.json()
    assert api("PATCH", path, {"city": "Bonn"}, access=access).json() == made.json() | {"city": "Bonn"}
    assert api("PUT", path, ADDRESS, access=access).json() == made.json() | {"line2": ""}
    assert api("GET", "/user/addresses", access=access).json()["results"] == [made.json() | {"line2": ""}]
    assert api("DELETE", path, access=access).status_code == 204
    assert [api(method, path, {}, access=access).status_code for method in ("GET", "PATCH", "DELETE")] == [404] * 3


def test_addresses_of_others_do_not_exist(api: Api, signed: dict[str, Any]) -> None:
    """404 for every method, and the address stays."""
    other = Account.objects.create_user(email="other@example.com", password=None)
    foreign = Address.objects.create(account=other, **ADDRESS)
    path = f"/user/addresses/{foreign.pk}"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert api(method, path, ADDRESS, access=signed["access"]).status_code == 404
    assert Address.objects.get() == foreign
    assert api("GET", "/user/addresses", access=signed["access"]).json()["results"] == []


def test_a_list_costs_the_same_for_1_and_50(api: Api, signed: dict[str, Any]) -> None:
    """Queries do not grow with rows."""
    costs = []
    for rows in (1, 49):
        account = Account.objects.get()
        Address.objects.bulk_create([Address(account=account, **ADDRESS) for _ in range(rows)])
        with CaptureQueriesContext(
            connection,
        ) as queries:
            listed = api("GET", "/user/addresses?limit=100", access=signed["access"]).json()["results"]
        costs.append((len(queries), len(listed)))
    assert costs == [(costs[0][0], 1), (costs[0][0], 50)]


def test_public_keys(api: Api) -> None:
    """Public and cacheable; a role that asks is counted, a forger refused."""
    answer = api("GET", "/user/jwks")
    assert answer["Cache-Control"] == "public, max-age=300"
    assert all("d" not in jwk for jwk in answer.json()["keys"])
    labels = {"caller": "cart", "callee": "user", "purpose": "keys"}
    before = REGISTRY.get_sample_value("shop_internal_requests_total", labels) or 0
    credential = credentials.mint(caller="cart", callee="user")
    assert api("GET", "/user/jwks", X_Service_Credential=credential).status_code == 200
    assert REGISTRY.get_sample_value("shop_internal_requests_total", labels) == before + 1
    assert api("GET", "/user/jwks", X_Service_Credential="x").status_code == 401


def test_a_stale_token_does_not_stand_in_the_way(api: Api, registered: str) -> None:
    """Whoever signs in need not drop the expired token that his client sends along."""
    body = {"email": registered, "password": PASSWORD}
    assert api("POST", "/user/token", body, access="stale").status_code == 200


def test_contact_for_other_roles(registered: str) -> None:
    """notification learns address and name; of an unknown account, that it is unknown."""
    with context.working_as("notification"):
        account_id = Account.objects.get().pk
        assert client.contact(account_id=account_id) == client.Contact(registered, "Ada")
        for unknown in ("00000000-0000-0000-0000-000000000000", "nobody"):
            with pytest.raises(client.UnknownAccount):
                client.contact(account_id=unknown)


def test_staff_are_made_once(api: Api, email: str) -> None:
    """A repeat changes nothing; another password replaces the old one and signs its sessions out."""
    made = services.create_staff(email=email, password=PASSWORD, name="Boss")
    assert services.create_staff(email=email, password=PASSWORD, name="Boss").password == made.password
    signed = api("POST", "/user/token", {"email": email, "password": PASSWORD}).json()
    assert api("GET", "/user/me", access=signed["access"]).json()["is_staff"] is True
    services.create_staff(email=email, password="another password", name="Boss")
    assert api("POST", "/user/token/refresh", {"refresh": signed["refresh"]}).status_code == 401
    assert api("POST", "/user/token", {"email": email, "password": PASSWORD}).status_code == 401
    assert Account.objects.count() == 1


def test_a_browser_signs_in(registered: str) -> None:
    """The browsable page offers it; with CSRF checked, the session opens the account; logging out closes it."""
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/user/addresses", headers={"Accept": "text/html"})
    assert b"/user/login?next=/user/addresses" in page.content
    browser.get("/user/login")
    token = browser.cookies["shop_csrf"].value
    form = {"username": registered, "password": PASSWORD, "next": "/user/addresses"}
    assert browser.post("/user/login", form).status_code == 403
    entered = browser.post("/user/login", form | {"csrfmiddlewaretoken": token})
    assert (entered.status_code, entered["Location"]) == (302, "/user/addresses")
    page = browser.get("/user/addresses", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert b'name="line1"' in page.content
    token = browser.cookies["shop_csrf"].value
    added = browser.post("/user/addresses", ADDRESS | {"csrfmiddlewaretoken": token, "idempotency_key": "form"})
    assert added.status_code == 201, added.content
    assert browser.post("/user/logout", {"csrfmiddlewaretoken": token}).status_code == 302
    assert browser.get("/user/addresses").status_code == 401


def test_the_admin_changes_a_password(api: Api, signed: dict[str, Any], registered: str) -> None:
    """Every page of the account's admin works; a new password signs the account out."""
    boss = Account.objects.create_superuser(email="boss@example.com", password=None)
    browser = Client()
    browser.force_login(boss)
    account = Account.objects.get(email=registered)
    for path in ("account/", "account/add/", f"account/{account.pk}/change/", f"account/{account.pk}/password/"):
        assert browser.get(f"/admin/identity/{path}").status_code == 200, path
    family = account.token_families.get()
    for path in ("address/", "address/add/", "tokenfamily/", f"tokenfamily/{family.pk}/change/"):
        assert browser.get(f"/admin/user/{path}").status_code == 200, path
    new = {"password1": "a new long password", "password2": "a new long password", "usable_password": "true"}
    new["set-password"] = "Change password"
    assert browser.post(f"/admin/identity/account/{account.pk}/password/", new).status_code == 302
    assert api("POST", "/user/token", {"email": registered, "password": new["password1"]}).status_code == 200
    assert api("POST", "/user/token/refresh", {"refresh": signed["refresh"]}).status_code == 401
    assert browser.get("/admin/auth/group/").status_code == 404


def test_the_admin_deactivates(signed: dict[str, Any], api: Api, registered: str) -> None:
    """An inactive account is signed out, and stays so when it is active again."""
    boss = Account.objects.create_superuser(email="boss@example.com", password=None)
    browser = Client()
    browser.force_login(boss)
    path = f"/admin/identity/account/{Account.objects.get(email=registered).pk}/change/"
    assert browser.post(path, {"email": registered, "name": "Ada"}).status_code == 302
    assert browser.post(path, {"email": registered, "name": "Ada", "is_active": "on"}).status_code == 302
    assert api("POST", "/user/token/refresh", {"refresh": signed["refresh"]}).status_code == 401


def test_the_root_lists_what_there_is(api: Api) -> None:
    """With and without a trailing slash, without a redirect."""
    for path in ("/user", "/user/"):
        assert api("GET", path).json()["addresses"] == "http://testserver/user/addresses"


def test_a_password_of_another_hasher_is_still_accepted(api: Api, email: str, settings: Any) -> None:
    """And hashed anew by the first of the list."""
    own = "shop.identity.hashers.Argon2idHasher"
    settings.PASSWORD_HASHERS = [own, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    Account.objects.create(email=email, password=make_password(PASSWORD, hasher="pbkdf2_sha256"))
    assert api("POST", "/user/token", {"email": email, "password": PASSWORD}).status_code == 200
    assert Account.objects.get().password.startswith("argon2$argon2id$v=19$m=12288,t=3,p=1$")
    assert api("POST", "/user/token", {"email": email, "password": PASSWORD}).status_code == 200


def test_the_api_documents_need_no_guess(capfd: pytest.CaptureFixture[str]) -> None:
    """OpenAPI without a warning."""
    call_command("spectacular", urlconf="apps.user.urls", fail_on_warn=True, validate=True)
    assert "Warning" not in capfd.readouterr().err
