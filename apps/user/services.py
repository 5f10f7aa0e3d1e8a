"""Accounts and their address books. Signing in and refresh tokens: ``sessions``."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError

from apps.user import sessions
from apps.user.events import AccountRegistered
from apps.user.models import Address, RevocationReason
from shop import staff
from shop.changes import services as changes
from shop.events.emit import emit
from shop.identity.models import Account
from shop.transactions import command


class EmailTaken(Exception):
    """An account has this address already, in whatever case."""


class LastAdministrator(Exception):
    """Somebody has to be left who may give staff roles."""


class UnknownAddress(Exception):
    """The account's book has no such address."""


def register(*, email: str, password: str, name: str) -> Account:
    """Create a customer's account. Raises EmailTaken."""
    # Hashed before the transaction, which would otherwise be open for the time that takes.
    return _register(email=email.lower(), encoded=make_password(password), name=name)


@command
def _register(*, email: str, encoded: str, name: str) -> Account:
    account = _inserted(Account(email=email, password=encoded, name=name))
    emit(AccountRegistered(account_id=str(account.pk), email=email, name=name), aggregate=str(account.pk), sequence=1)
    return account


def _inserted(account: Account) -> Account:
    try:
        account.save(force_insert=True)
    except IntegrityError as exc:  # the one constraint that a fresh id and a lower-case address can break
        raise EmailTaken(account.email) from exc
    return account


def create_staff(*, email: str, password: str, name: str) -> Account:
    """Create an administrator's account, or make the account of ``email`` one; a repeat changes nothing.

    Another password than the account's own replaces it and ends what it had signed in.
    """
    account = _make_staff(email=email.lower(), name=name)
    if not check_password(password, account.password):
        set_password(account_id=account.pk, encoded=make_password(password))
    account.refresh_from_db()
    return account


@command
def _make_staff(*, email: str, name: str) -> Account:
    flags = {"name": name, "is_active": True, **_flags([staff.ADMINISTRATOR])}
    account, _ = Account.objects.update_or_create(
        email=email, defaults=flags, create_defaults=flags | {"password": make_password(None)}
    )
    return account


@command
def make_account(*, email: str, name: str, encoded: str) -> Account:
    """Create a customer's account by hand, without the mail that follows a registration. Raises EmailTaken."""
    return _inserted(Account(email=email.lower(), name=name, password=encoded))


@command
def change_account(
    *,
    account_id: UUID,
    name: str,
    email: str | None = None,
    is_active: bool | None = None,
    staff_roles: Collection[str] | None = None,
) -> Account:
    """Change what staff may change of an account; None leaves a value. ``staff_roles`` may name the administrator.

    Another status or other roles end what the account has signed in: its tokens state the old ones.
    Raises EmailTaken, LastAdministrator.
    """
    account = Account.objects.select_for_update().get(pk=account_id)
    account.name = name
    account.email = account.email if email is None else email.lower()
    status = {} if is_active is None else {"is_active": is_active}
    status |= {} if staff_roles is None else _flags(staff_roles)
    changed = {flag: value for flag, value in status.items() if getattr(account, flag) != value}
    for flag, value in changed.items():
        setattr(account, flag, value)
    try:
        account.save(update_fields=["name", "email", *changed])
    except IntegrityError as exc:
        raise EmailTaken(account.email) from exc
    if changed:
        sessions.end_all(account_id=account_id, reason=RevocationReason.CREDENTIALS_CHANGED)
        _require_an_administrator()
    return account


def _require_an_administrator() -> None:
    if not Account.objects.filter(is_superuser=True, is_active=True).exists():
        raise LastAdministrator


def _flags(roles: Collection[str]) -> dict[str, Any]:
    """How an account keeps its staff roles."""
    return {
        "is_staff": bool(roles),
        "is_superuser": staff.ADMINISTRATOR in roles,
        "staff_roles": [name for name, _ in staff.GRANTED if name in roles],
    }


@command
def set_password(*, account_id: UUID, encoded: str) -> None:
    """Replace an account's password by one hashed with ``make_password``; all its refresh tokens end."""
    Account.objects.filter(pk=account_id).update(password=encoded)
    changes.note(table=Account._meta.db_table, row=account_id, action="password")
    sessions.end_all(account_id=account_id, reason=RevocationReason.CREDENTIALS_CHANGED)


@command
def rename(*, account: Account, name: str) -> Account:
    """Change the name that mails and parcels bear."""
    account.name = name
    account.save(update_fields=["name"])
    return account


@command
def add_address(*, account_id: UUID, fields: dict[str, Any]) -> Address:
    """Add an address to an account's book."""
    return Address.objects.create(account_id=account_id, **fields)


@command
def change_address(*, account_id: UUID, address_id: UUID, fields: dict[str, Any]) -> Address:
    """Change the given ``fields`` of an address. Raises UnknownAddress."""
    address = Address.objects.select_for_update().filter(pk=address_id, account_id=account_id).first()
    if address is None:
        raise UnknownAddress(address_id)
    for name, value in fields.items():
        setattr(address, name, value)
    address.save(update_fields=list(fields))
    return address


@command
def remove_address(*, account_id: UUID, address_id: UUID) -> None:
    """Remove an address. Raises UnknownAddress."""
    removed, _ = Address.objects.filter(pk=address_id, account_id=account_id).delete()
    if not removed:
        raise UnknownAddress(address_id)
