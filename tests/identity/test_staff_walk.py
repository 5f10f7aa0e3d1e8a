"""The table of staff roles, walked: every role at every page and action of every model in the admin."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db import models
from django.test import Client, RequestFactory
from django.urls import reverse
from django.urls.converters import UUIDConverter

from shop import staff
from shop.identity.authentication import EVERYONE, Granted
from shop.identity.models import Account

pytestmark = pytest.mark.django_db

# Pages of their own, beside those that every model has, and the permission that each asks for.
PAGES: Mapping[str, str] = {
    "inventory_receive": "inventory.receive_stock",
    "inventory_adjust": "inventory.adjust_stock",
    "product_import": "product.import_product",
    "product_import_one": "product.import_product",
    "product_import_state": "product.import_product",
    "product_export": "product.view_product",
    "product_pictures": "product.add_image",
    "product_reviews": "product.moderate_review",
    "auth_user_password_change": "identity.password_account",
}
REGISTERED = sorted(admin.site._registry.values(), key=lambda each: each.opts.label_lower)


def person(*roles: str) -> Account:
    """Somebody of the staff."""
    return Account.objects.create_user(
        email=f"{uuid4().hex}@example.com",
        password=None,
        is_staff=True,
        is_superuser=staff.ADMINISTRATOR in roles,
        staff_roles=[role for role in roles if role != staff.ADMINISTRATOR],
    )


def offers(page: ModelAdmin[Any], action: str) -> bool:
    """Whether the page has ``action`` at all: also an administrator adds no row to a ledger."""
    request = RequestFactory().get("/")
    request.user = Account(is_staff=True, is_superuser=True)
    return bool(getattr(page, f"has_{action}_permission")(request))


def nobody(model: type[models.Model]) -> str:
    """A primary key of no row. A page tells who may not (403) before it tells that there is none (302)."""
    return str(uuid4()) if isinstance(model._meta.pk, models.UUIDField) else "0"


def expected(role: str, page: ModelAdmin[Any], *actions: str) -> int:
    """200 where the table grants one of ``actions``, and the page offers it."""
    app, model = page.opts.app_label, page.opts.model_name
    granted = any(staff.may([role], f"{app}.{action}_{model}") and offers(page, action) for action in actions)
    return 200 if granted else 403


def walk(client: Client, role: str, page: ModelAdmin[Any]) -> Iterator[tuple[str, int, int]]:
    """Each page of one model: what it is, what it answered, what the table says."""
    name, row = f"admin:{page.opts.app_label}_{page.opts.model_name}", [nobody(page.model)]
    asked = [
        ("list", reverse(f"{name}_changelist"), ("view", "change")),
        ("row", reverse(f"{name}_change", args=row), ("view", "change")),
        ("add", reverse(f"{name}_add"), ("add",)),
        ("delete", reverse(f"{name}_delete", args=row), ("delete",)),
    ]
    for what, path, actions in asked:
        yield what, _allowed(client.get(path)), expected(role, page, *actions)
    changed = client.post(reverse(f"{name}_change", args=row), {})
    yield "save", _allowed(changed), expected(role, page, "change")


def own_pages() -> Iterator[tuple[str, str]]:
    """Name and address of every page that its model's admin adds; for nothing that exists."""
    for page in REGISTERED:
        standard = {pattern.name for pattern in ModelAdmin(page.model, admin.site).get_urls()}
        for pattern in page.get_urls():
            if pattern.name and pattern.name not in standard:
                wanted = pattern.pattern.converters.items()
                named = {key: uuid4() if isinstance(each, UUIDConverter) else 0 for key, each in wanted}
                yield pattern.name, reverse(f"admin:{pattern.name}", kwargs=named)


def test_every_page_of_its_own_is_in_the_list() -> None:
    """A page that is added without a permission to walk it by fails here."""
    assert sorted(name for name, _ in own_pages()) == sorted(PAGES)


def _allowed(answer: Any) -> int:
    """302 is as good as 200, unless it leads to the sign-in."""
    assert answer.status_code in {200, 302, 403}, answer
    assert "login" not in answer.headers.get("Location", ""), answer
    return 403 if answer.status_code == 403 else 200


@pytest.mark.parametrize("role", staff.STAFF_ROLES)
def test_every_page_answers_as_the_table_says(role: str) -> None:
    """List, row, form to add, deletion, saving: 200 or 302 where it grants them, 403 everywhere else."""
    client, wrong = Client(), []
    client.force_login(person(role))
    for page in REGISTERED:
        for what, answered, said in walk(client, role, page):
            if answered != said:
                wrong.append(f"{page.opts.label_lower} {what}: {answered}, the table says {said}")
    for name, path in own_pages():
        answer = client.get(path)
        list(answer)  # a file is closed once it is read
        if (answer.status_code != 403) != staff.may([role], PAGES[name]):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("role", staff.STAFF_ROLES)
def test_every_action_is_offered_as_the_table_says(role: str) -> None:
    """A list offers exactly the granted actions, and does nothing for one that is merely sent."""
    client, wrong = Client(), []
    client.force_login(person(role))
    for page in REGISTERED:
        path = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
        if expected(role, page, "view", "change") == 403:
            continue
        for act in (page.get_action(name) for name in page.actions):
            assert act is not None
            function, name, _ = act
            perms = [f"{page.opts.app_label}.{each}_{page.opts.model_name}" for each in function.allowed_permissions]
            granted = any(staff.may([role], perm) for perm in perms)
            sent = {"action": name, "_selected_action": nobody(page.model), "index": "0"}
            said = client.post(path, sent, follow=True).content.decode()
            # Without any action of its own the list has no form for them, and ignores what is sent.
            if granted == ("No action selected" in said or f'value="{name}"' not in said):
                wrong.append(f"{page.opts.label_lower} {name}")
    assert wrong == []


def test_somebody_without_a_role_sees_nothing() -> None:
    """The first page, and 403 behind it."""
    client = Client()
    client.force_login(person())
    assert client.get("/admin/").status_code == 200
    for page in REGISTERED:
        path = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
        assert client.get(path).status_code == 403


def test_the_table_is_whole() -> None:
    """Every model of the admin is in it, with all that its page offers and asks for; nothing in it is made up."""
    asked = {perm for each in Granted.__subclasses__() for perm in (each.writing, each.reading)} - {EVERYONE}
    for page in REGISTERED:
        label = page.opts.label_lower
        assert label in staff.EVERYTHING
        found = {action for action in ("view", "add", "change", "delete") if offers(page, action)}
        found |= {each for name in page.actions for each in page.get_action(name)[0].allowed_permissions}
        assert found <= staff.EVERYTHING[label], label
        asked |= {f"{page.opts.app_label}.{action}_{page.opts.model_name}" for action in found}
        for inline in page.inlines:
            assert inline.model._meta.label_lower in staff.EVERYTHING
    assert {perm for perm in asked if not staff.may([staff.ADMINISTRATOR], perm)} == set()


def test_a_role_grants_only_what_there_is() -> None:
    """No role has an action that not even an administrator has."""
    for role in staff.STAFF_ROLES.values():
        for model, actions in role.grants.items():
            assert actions <= staff.EVERYTHING[model], (role.name, model)


# Whose work each writing action is, beside the administrator's: said a second time, so that a right given in
# passing is seen. Whole apps first, then what is otherwise in them.
OWNERS: Mapping[str, set[str]] = {
    "product": {"catalogue-manager"},
    "product.review": {"catalogue-manager", "support"},
    "order.order cancel": {"order-clerk", "support"},
    "order.order": {"order-clerk"},
    "order.refund": {"order-clerk"},
    "payment.payment operate": {"order-clerk"},
    "inventory": {"warehouse"},
    "shipping.shipment operate": {"order-clerk", "warehouse"},
    "notification.message operate": {"support"},
    "identity.account change": {"support"},
    "user.address": {"support"},
}
SEES: Mapping[str, set[str]] = {
    "catalogue-manager": {"product", "inventory"},
    "order-clerk": {"order", "payment", "shipping", "notification", "identity", "user"},
    "warehouse": {"inventory", "shipping", "product"},
    "support": {"order", "shipping", "notification", "identity", "user", "product"},
}


def _owners(model: str, action: str) -> set[str]:
    names = (f"{model} {action}", model, model.partition(".")[0])
    return next((OWNERS[name] for name in names if name in OWNERS), set())


def test_each_writes_what_is_theirs_alone() -> None:
    """Nobody has a right too many: every writing action belongs to whose work it is."""
    wrong = {}
    for model, actions in staff.EVERYTHING.items():
        for action in sorted(actions - {"view"}):
            held = {name for name, role in staff.STAFF_ROLES.items() if action in role.grants.get(model, ())}
            if held != _owners(model, action) | {staff.ADMINISTRATOR}:
                wrong[f"{model} {action}"] = held
    assert wrong == {}


def test_each_sees_what_is_theirs_alone() -> None:
    """Parts of the shop; within them the page of the table (docs/staff-roles.md) says which."""
    for name, apps in SEES.items():
        assert {model.partition(".")[0] for model in staff.STAFF_ROLES[name].grants} == apps, name


def test_roles_add_up_and_unknown_ones_grant_nothing() -> None:
    """Two roles grant what either does; a name from another version is no way in."""
    both = person("warehouse", "support")
    assert both.has_perm("inventory.receive_stock")
    assert both.has_perm("order.cancel_order")
    assert not both.has_perm("order.refund_order")
    assert not staff.may(["owner", ""], "order.view_order")
    assert not staff.may(list(staff.STAFF_ROLES), "order.delete_order")
    assert not Account(staff_roles=["warehouse"]).has_perm("inventory.receive_stock")  # no staff any more
