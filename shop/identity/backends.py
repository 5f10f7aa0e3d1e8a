"""Password sign-in for the admin and the browsable API."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from shop.identity import passwords, throttle
from shop.identity.models import Account


class EmailBackend(BaseBackend):
    """Django's way in by e-mail and password; permissions are the account's own, not Group rows."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Account | None:
        """The account, None for a wrong password. Raises PermissionDenied when throttled; the form looks alike."""
        if not username or password is None:
            return None
        address = throttle.address_of(request) if request else ""
        try:
            return passwords.check(email=username, password=password, address=address)
        except passwords.WrongPassword:
            return None
        except throttle.TooManyAttempts as exc:
            raise PermissionDenied from exc

    def get_user(self, user_id: Any) -> Account | None:
        """The account of a session, while it is active."""
        return Account.objects.filter(pk=user_id, is_active=True).first()
