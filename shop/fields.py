"""Model and serializer fields that more than one app uses."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from rest_framework import serializers

from shop.money import Money

SKU_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # no slash: an id is one path segment, never encoded
COUNTRY_PATTERN = r"[A-Z]{2}"  # ISO 3166-1 alpha-2


class AmountField(models.DecimalField[Any, Any]):
    """An amount of money; its currency is a column of the same row, or of its parent."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"max_digits": 16, "decimal_places": 3}  # 3: the most that any ISO 4217 currency has
        super().__init__(**kwargs)


class CurrencyField(models.CharField[Any, Any]):
    """An ISO 4217 code."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(**kwargs)


class SkuField(models.CharField[Any, Any]):
    """The public name of a variant: what roles call a thing by."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["max_length"] = 64
        super().__init__(**kwargs)


class MoneyIn(serializers.Serializer[Any]):
    """Money as it arrives: validated against the decimals of its currency; becomes a Money."""

    amount = serializers.CharField(max_length=32)
    currency = serializers.RegexField(r"^[A-Z]{3}\Z")

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        try:
            return Money.parse(value["amount"], value["currency"])
        except ValueError as exc:
            raise serializers.ValidationError({"amount": [str(exc)]}) from None

    def to_representation(self, instance: Money) -> Mapping[str, str]:  # type: ignore[override]
        return instance.json()


class MoneyOut(serializers.Serializer[Any]):
    """Money as it is shown: a decimal string with the currency's own number of decimals."""

    amount = serializers.CharField()
    currency = serializers.CharField()

    def to_representation(self, instance: Money) -> Mapping[str, str]:  # type: ignore[override]
        return instance.json()


class SkuIn(serializers.CharField):
    """A SKU in a request body."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)
        self.validators.append(RegexValidator(rf"^{SKU_PATTERN}\Z", "Letters, digits, '.', '_' and '-' only."))


class LineIn(serializers.Serializer[Any]):
    """One line a client asks for."""

    sku = SkuIn()
    quantity = serializers.IntegerField(min_value=1, max_value=999)


class AddressIn(serializers.Serializer[Any]):
    """A postal address; ``country`` is ISO 3166-1 alpha-2."""

    name = serializers.CharField(max_length=120)
    line1 = serializers.CharField(max_length=120)
    line2 = serializers.CharField(max_length=120, allow_blank=True, default="")
    city = serializers.CharField(max_length=80)
    postal_code = serializers.CharField(max_length=16, allow_blank=True, default="")
    region = serializers.CharField(max_length=80, allow_blank=True, default="")
    country = serializers.RegexField(rf"^{COUNTRY_PATTERN}\Z")
