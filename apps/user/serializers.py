"""What role user takes and shows."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import serializers

from shop.fields import AddressIn
from shop.identity.models import Account

_LONGEST_PASSWORD = 256  # characters; more is no password, but work for the hasher


class EmailIn(serializers.EmailField):
    """An ASCII e-mail address, in lower case: SMTP without extensions reaches no other."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not value.isascii():
            raise serializers.ValidationError("Only ASCII addresses can be reached.")
        return str(value.lower())


class PasswordIn(serializers.CharField):
    """A password: blanks count."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"style": {"input_type": "password"}, "write_only": True}
        super().__init__(max_length=_LONGEST_PASSWORD, trim_whitespace=False, **kwargs)


class RegisterIn(serializers.Serializer[Any]):
    """A new customer."""

    email = EmailIn()
    password = PasswordIn()
    name = serializers.CharField(max_length=120)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], Account(email=attrs["email"], name=attrs["name"]))
        except ValidationError as exc:
            raise serializers.ValidationError({"password": exc.messages}) from exc
        return attrs


class SignInIn(serializers.Serializer[Any]):
    """Who wants to sign in. A malformed address is merely unknown."""

    email = serializers.CharField(max_length=254)
    password = PasswordIn()


class RefreshIn(serializers.Serializer[Any]):
    """A refresh token, as the last answer carried it."""

    refresh = serializers.CharField(max_length=100)


class TokensOut(serializers.Serializer[Any]):
    """``expires_in`` is the access token's life in seconds."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in = serializers.IntegerField()


class AccountOut(serializers.Serializer[Any]):
    """An account as its owner sees it."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()


class MeOut(AccountOut):
    """The caller's own account."""

    is_staff = serializers.BooleanField()


class AccountChange(serializers.Serializer[Any]):
    """What an owner may change."""

    name = serializers.CharField(max_length=120)


class AddressBookIn(AddressIn):
    """An address for the book."""


class AddressOut(AddressIn):
    """An address of the book."""

    id = serializers.UUIDField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
