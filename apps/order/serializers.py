"""What the API of order takes and shows. ``shown`` builds the answers that the ``...Out`` describe."""

from typing import Any

from rest_framework import serializers

from apps.order.models import RefundStatus
from apps.order.quotes import LONGEST
from apps.order.states import Note, Reason, State
from shop.fields import AddressIn, LineIn, MoneyIn, MoneyOut
from shop.money import Money


class QuoteIn(serializers.Serializer[Any]):
    """What to quote. The context's ``guest`` says whether an address of e-mail is needed."""

    shipping_address = AddressIn()
    shipping_method = serializers.SlugField(max_length=40)
    email = serializers.EmailField(max_length=254, required=False, help_text="Of a guest.")
    lines = LineIn(  # type: ignore[call-arg]  # of the list
        many=True, required=False, max_length=LONGEST, help_text="Default: the caller's cart."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A customer's address is their account's; lines become units by SKU."""
        if not self.context.get("guest"):
            attrs["email"] = ""
        elif "email" not in attrs:
            raise serializers.ValidationError({"email": ["A guest's order needs an address of e-mail."]})
        if "lines" in attrs:
            attrs["lines"] = _units(attrs["lines"])
        return attrs


def _units(lines: list[dict[str, Any]]) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in lines:
        units[line["sku"]] = units.get(line["sku"], 0) + line["quantity"]
    return units


class PaymentIn(serializers.Serializer[Any]):
    """The card, as a token that the payment gateway gave the buyer."""

    token = serializers.RegexField(r"^[A-Za-z0-9_.-]{1,255}\Z")


class OrderIn(serializers.Serializer[Any]):
    """A quote to take up, and how it is paid."""

    quote = serializers.UUIDField()
    payment = PaymentIn()


class RefundIn(serializers.Serializer[Any]):
    """How much to give back."""

    amount = MoneyIn()

    def validate_amount(self, amount: Money) -> Money:
        if amount.amount <= 0:
            raise serializers.ValidationError("More than zero.")
        return amount


class Nothing(serializers.Serializer[Any]):
    """A request without a body."""


class LineOut(serializers.Serializer[Any]):
    """Units of one SKU; ``tax`` is in ``line_total`` where prices include it."""

    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyOut()
    line_total = MoneyOut()
    tax_rate = serializers.CharField(help_text="Per cent.")
    tax = MoneyOut()


class QuoteOut(serializers.Serializer[Any]):
    """``total`` is subtotal - discount + shipping, plus tax where prices do not include it."""

    id = serializers.UUIDField()
    lines = LineOut(many=True)
    subtotal = MoneyOut()
    discount = MoneyOut()
    shipping = MoneyOut()
    tax = MoneyOut()
    total = MoneyOut()
    prices_include_tax = serializers.BooleanField()
    shipping_method = serializers.CharField()
    shipping_address = AddressIn()
    expires_at = serializers.DateTimeField()
    expired = serializers.BooleanField()


class OrderRowOut(serializers.Serializer[Any]):
    """An order in a list. ``reason`` says why it was rejected or cancelled."""

    number = serializers.CharField()
    status = serializers.ChoiceField(choices=State.choices)
    reason = serializers.ChoiceField(choices=Reason.choices, allow_blank=True)
    placed_at = serializers.DateTimeField()
    total = MoneyOut()
    lines = LineOut(many=True)


class OrderAttemptOut(serializers.Serializer[Any]):
    """One question to the payment gateway."""

    outcome = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class OrderPaymentOut(serializers.Serializer[Any]):
    """The payment as order last heard of it; amounts once payment has told them."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    authorised = MoneyOut(required=False)
    captured = MoneyOut(required=False)
    refunded = MoneyOut(required=False)
    attempts = OrderAttemptOut(many=True)


class OrderShipmentOut(serializers.Serializer[Any]):
    """A parcel as order last heard of it; the number opens its public tracking."""

    id = serializers.UUIDField()
    status = serializers.CharField()
    tracking_number = serializers.CharField(allow_null=True)


class ShareOut(serializers.Serializer[Any]):
    """The part of a refund that is for one line."""

    sku = serializers.CharField()
    amount = MoneyOut()


class OrderRefundOut(serializers.Serializer[Any]):
    """Money given back, by line; ``pending`` until payment has answered."""

    id = serializers.UUIDField()
    status = serializers.CharField(help_text="One of: " + ", ".join(RefundStatus.values))
    amount = MoneyOut()
    lines = ShareOut(many=True)
    shipping = MoneyOut()
    requested_at = serializers.DateTimeField()


class OrderOut(OrderRowOut):
    """An order's page."""

    subtotal = MoneyOut()
    discount = MoneyOut()
    shipping = MoneyOut()
    tax = MoneyOut()
    prices_include_tax = serializers.BooleanField()
    shipping_address = AddressIn()
    shipping_method = serializers.CharField()
    email = serializers.CharField(help_text="Of a guest.")
    cancel_requested = serializers.BooleanField()
    parked = serializers.BooleanField(help_text="A person has to look at it.")
    payment = OrderPaymentOut()
    shipments = OrderShipmentOut(many=True)
    refunds = OrderRefundOut(many=True)
    refunded = MoneyOut()
    timeline = serializers.CharField()
    access_token = serializers.CharField(required=False, help_text="Of a guest's order: for X-Order-Token.")


class TimelineOut(serializers.Serializer[Any]):
    """The order reached the state ``to``, or something else is noted."""

    at = serializers.DateTimeField()
    to = serializers.CharField(allow_null=True, help_text="A status of the order.")
    note = serializers.ChoiceField(choices=Note.choices, allow_null=True)
    detail = serializers.CharField()
