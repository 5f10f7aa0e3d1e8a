from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from shop.backoffice.pages import ReadOnlyAdmin
from shop.identity.models import SignInThrottle, TokenKey

__all__ = ["auth_admin"]  # its import registers Group: permissions come from code, never from its rows
admin.site.unregister(Group)


@admin.register(TokenKey)
class TokenKeyAdmin(ReadOnlyAdmin):
    """Public keys of user tokens, as this role keeps them."""

    list_display = ["kid", "fetched_at"]
    ordering = ["kid"]


@admin.register(SignInThrottle)
class SignInThrottleAdmin(ReadOnlyAdmin):
    """Failed sign-ins that count. Deleting one lets its subject try again."""

    list_display = ["subject", "failures", "ends_at"]
    ordering = ["-ends_at", "subject"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_superuser)
