"""Accounts and address books in the admin. Who may do what: ``shop.staff``."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.hashers import make_password
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.user import services
from apps.user.models import Address, RefreshToken, TokenFamily
from shop import staff
from shop.backoffice.pages import Page, ReadOnlyAdmin, ReadOnlyInline
from shop.identity.models import Account

ROLES = [(role.name, role.title) for role in staff.STAFF_ROLES.values()]


class AccountForm(UserChangeForm):  # type: ignore[misc]  # unfold is untyped
    """Changes an account; its address is kept in lower case."""

    roles = forms.MultipleChoiceField(
        choices=ROLES,
        required=False,
        label="Staff roles",
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What each may do is in docs/staff-roles.md. Without any, the account is a customer's.",
    )

    class Meta:
        model = Account
        fields = ("email", "name", "password", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["roles"] = _roles_of(self.instance)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class NewAccountForm(UserCreationForm):  # type: ignore[misc]
    """Creates an account, without the mail that follows a registration."""

    class Meta:
        model = Account
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """Sets a password; what was signed in with the old one is signed out."""

    def save(self, commit: bool = True) -> Account:
        account: Account = super().save(commit=False)
        services.set_password(account_id=account.pk, encoded=account.password)
        return account


@admin.register(Account)
class AccountAdmin(UserAdmin, Page):  # type: ignore[type-arg,misc]  # get_form hands on what it is given
    """Accounts. None is deleted here: deactivate it; its orders still name it."""

    REFUSALS = (services.EmailTaken, services.LastAdministrator)
    form = AccountForm
    add_form = NewAccountForm
    change_password_form = PasswordForm
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)
    list_display = ("email", "name", "is_active", "shown_roles", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("-created_at", "id")
    filter_horizontal = ()

    def get_fieldsets(self, request: HttpRequest, obj: Account | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        dates = ("Dates", {"fields": ("created_at", "last_login")})
        if _gives_roles(request):
            return (
                (None, {"fields": ("email", "name", "password")}),
                ("Staff", {"fields": ("is_active", "roles")}),
                dates,
            )
        return (None, {"fields": ("email", "name", "is_active", "shown_roles")}), dates

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        always = ("created_at", "last_login")
        return always if obj is None or _gives_roles(request) else (*always, "email", "is_active", "shown_roles")

    def has_change_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """The accounts of staff are the administrators' alone to change."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or not obj.is_staff or _gives_roles(request))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Without Django's transaction: ``save`` has its own."""
        return self._add_view(request, form_url, extra_context)  # type: ignore[attr-defined,no-any-return]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not request.user.has_perm("identity.password_account"):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def save(self, request: HttpRequest, form: Any, formsets: Sequence[Any]) -> Account:
        asked = form.cleaned_data
        if form.instance._state.adding:
            encoded = make_password(asked["password1"])
            return services.make_account(email=asked["email"], name=asked["name"], encoded=encoded)
        status = {}
        if _gives_roles(request):
            status = {"email": asked["email"], "is_active": asked["is_active"], "staff_roles": asked["roles"]}
        return services.change_account(account_id=form.instance.pk, name=asked["name"], **status)

    @admin.display(description="staff roles")
    def shown_roles(self, account: Account) -> str:
        """Their titles, or nothing for a customer."""
        return ", ".join(staff.STAFF_ROLES[name].title for name in _roles_of(account) if name in staff.STAFF_ROLES)


def _gives_roles(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("identity.staff_account"))


def _roles_of(account: Account) -> list[str]:
    return [*account.staff_roles, *([staff.ADMINISTRATOR] if account.is_superuser else [])]


@admin.register(Address)
class AddressAdmin(Page):
    """Customers' address books."""

    REFUSALS = (services.UnknownAddress,)
    list_display = ["name", "city", "country", "account"]
    list_select_related = ["account"]
    raw_id_fields = ["account"]
    search_fields = ["name", "city", "account__email"]
    ordering = ["-created_at", "id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Address | None = None) -> list[str]:
        return ["account"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Sequence[Any]) -> Address:
        fields = dict(form.cleaned_data)
        account_id = fields.pop("account").pk if form.instance._state.adding else form.instance.account_id
        if form.instance._state.adding:
            return services.add_address(account_id=account_id, fields=fields)
        return services.change_address(account_id=account_id, address_id=form.instance.pk, fields=fields)

    def delete(self, request: HttpRequest, obj: Address) -> None:
        services.remove_address(account_id=obj.account_id, address_id=obj.pk)


class RefreshTokens(ReadOnlyInline):
    """The tokens of a family, oldest first; what they are is not kept."""

    model = RefreshToken
    fields = ("issued_at", "expires_at", "ended_at")
    ordering = ("id",)


@admin.register(TokenFamily)
class TokenFamilyAdmin(ReadOnlyAdmin):
    """Sign-ins and what became of them: a ledger."""

    list_display = ["id", "account", "created_at", "revoked_at", "revoked_for"]
    list_filter = ["revoked_for"]
    list_select_related = ["account"]
    search_fields = ["account__email"]
    ordering = ["-created_at", "id"]
    inlines: ClassVar = [RefreshTokens]
