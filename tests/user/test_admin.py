"""Accounts in the admin: who gives staff roles, and what giving and taking them does."""

from typing import Any

import pytest
from django.test import Client

from apps.user import services, sessions
from shop.changes.models import Change
from shop.identity.models import Account

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct-horse-battery"


def signed_in(account: Account) -> Client:
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def boss() -> Account:
    return Account.objects.create_superuser(email="boss@example.com", password=PASSWORD, name="Boss")


@pytest.fixture
def ada() -> Account:
    return services.register(email="ada@example.com", password=PASSWORD, name="Ada")


def page(account: Account) -> str:
    return f"/admin/identity/account/{account.pk}/change/"


def save(client: Client, account: Account, **fields: Any) -> Any:
    given = {"email": account.email, "name": account.name, "is_active": "on"} | fields
    return client.post(page(account), {name: value for name, value in given.items() if value is not None})


def test_roles_are_given_and_taken(boss: Account, ada: Account) -> None:
    """Each time what the account had signed in ends; the history says who did it and keeps no password."""
    signed = sessions.sign_in(email=ada.email, password=PASSWORD, address="")
    assert save(signed_in(boss), ada, roles=["warehouse", "support"]).status_code == 302
    ada.refresh_from_db()
    assert (ada.is_staff, ada.is_superuser, ada.staff_roles) == (True, False, ["warehouse", "support"])
    with pytest.raises(sessions.InvalidRefreshToken):
        sessions.refresh(token=signed.refresh)
    assert save(signed_in(boss), ada, roles=["administrator"]).status_code == 302
    assert save(signed_in(boss), ada, roles=[]).status_code == 302
    ada.refresh_from_db()
    assert (ada.is_staff, ada.is_superuser, ada.staff_roles) == (False, False, [])
    history = list(Change.objects.of("identity_account", ada.pk))
    assert {change.actor for change in history} == {boss.pk}
    assert history[-1].after == {"is_staff": True, "staff_roles": ["warehouse", "support"]}
    assert not [change for change in history if "password" in change.after]


def test_a_name_alone_ends_nothing(boss: Account, ada: Account) -> None:
    """Who stays what they are stays signed in."""
    signed = sessions.sign_in(email=ada.email, password=PASSWORD, address="")
    assert save(signed_in(boss), ada, name="Ada L.").status_code == 302
    assert sessions.refresh(token=signed.refresh)


def test_the_last_administrator_stays(boss: Account, ada: Account) -> None:
    """Or nobody could give a role ever again; the form says so."""
    refused = save(signed_in(boss), boss, roles=["support"])
    assert (refused.status_code, "Somebody has to be left" in refused.content.decode()) == (200, True)
    refused = save(signed_in(boss), boss, roles=["administrator"], is_active=None)
    assert refused.status_code == 200
    boss.refresh_from_db()
    assert boss.is_superuser
    assert boss.is_active


def test_an_address_is_taken_once(boss: Account, ada: Account) -> None:
    """An error of the form, in whatever case it is typed."""
    refused = save(signed_in(boss), ada, email="BOSS@example.com")
    assert (refused.status_code, "already" in refused.content.decode()) == (200, True)


def test_support_changes_a_customers_name_alone(boss: Account, ada: Account) -> None:
    """No address, status, role or password, whatever the form is made to send; no account of the staff at all."""
    helper = Account.objects.create_user(
        email="help@example.com", password=PASSWORD, is_staff=True, staff_roles=["support"]
    )
    client = signed_in(helper)
    forged = {"roles": ["administrator"], "email": "mine@example.com", "is_active": None, "is_superuser": "on"}
    assert save(client, ada, name="Ada L.", **forged).status_code == 302
    ada.refresh_from_db()
    assert (ada.name, ada.email, ada.is_active, ada.is_staff) == ("Ada L.", "ada@example.com", True, False)
    assert client.get(page(ada).replace("change", "password")).status_code == 403
    assert client.get(page(boss)).status_code == 200
    for staff in (boss, helper):
        assert save(client, staff, name="x").status_code == 403


def test_an_account_is_made_and_gets_a_password(boss: Account) -> None:
    """By the administrator's hand, without a mail; a new password leaves a note and no secret."""
    client = signed_in(boss)
    new = {"email": "New@example.com", "name": "New", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/admin/identity/account/add/", new).status_code == 302
    made = Account.objects.get(email="new@example.com")
    assert made.check_password(PASSWORD)
    assert client.get(page(made).replace("change", "password")).status_code == 200
    typed = {"password1": "another-long-one", "password2": "another-long-one", "set-password": "1"}
    assert client.post(page(made).replace("change", "password"), typed).status_code == 302
    assert [change.action for change in Change.objects.of("identity_account", made.pk)] == ["password", "add"]
    assert "another" not in str(list(Change.objects.values()))


def test_addresses_are_the_accounts_own(boss: Account, ada: Account) -> None:
    """Added, changed and removed through the services."""
    client = signed_in(boss)
    fields = {"name": "Ada", "line1": "1 Main Street", "city": "Berlin", "country": "DE"}
    assert client.post("/admin/user/address/add/", fields | {"account": str(ada.pk)}).status_code == 302
    (address,) = ada.addresses.all()
    here = f"/admin/user/address/{address.pk}"
    assert client.post(f"{here}/change/", fields | {"city": "Bonn"}).status_code == 302
    assert client.post(f"{here}/delete/", {"post": "yes"}).status_code == 302
    actions = [change.action for change in reversed(Change.objects.of("user_address", address.pk))]
    assert actions == ["add", "change", "delete"]
