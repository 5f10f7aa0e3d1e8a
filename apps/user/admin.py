from typing import ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest

from apps.user import services, sessions
from apps.user.models import Address, RefreshToken, RevocationReason, TokenFamily
from shop.backoffice.pages import Bounded, ReadOnlyAdmin, ReadOnlyInline
from shop.identity.models import Account


class AccountForm(UserChangeForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Changes an account; its address is kept in lower case."""

    class Meta:
        model = Account
        fields = ("email", "name", "password", "is_active", "is_staff", "is_superuser")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class NewAccountForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """Creates an account, without the mail that follows a registration."""

    class Meta:
        model = Account
        fields = ("email", "name")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Sets a password; what was signed in with the old one is signed out."""

    def save(self, commit: bool = True) -> Account:
        account: Account = super().save(commit=False)
        services.set_password(account_id=account.pk, encoded=account.password)
        return account


@admin.register(Account)
class AccountAdmin(UserAdmin, Bounded):  # type: ignore[type-arg]
    """Accounts. None is deleted here: deactivate it; its orders still name it."""

    form = AccountForm
    add_form = NewAccountForm
    change_password_form = PasswordForm
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Permissions", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("-created_at", "id")
    filter_horizontal = ()
    readonly_fields = ("created_at", "last_login")

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Account, form: forms.ModelForm[Account], change: bool) -> None:
        """A change of status ends what the account has signed in: its tokens state the old one."""
        super().save_model(request, obj, form, change)
        if change and {"is_active", "is_staff", "is_superuser"} & set(form.changed_data):
            sessions.end_all(account_id=obj.pk, reason=RevocationReason.CREDENTIALS_CHANGED)


@admin.register(Address)
class AddressAdmin(Bounded):
    """Customers' address books."""

    list_display = ["name", "city", "country", "account"]
    list_select_related = ["account"]
    raw_id_fields = ["account"]
    search_fields = ["name", "city", "account__email"]
    ordering = ["-created_at", "id"]


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
