"""What other roles may ask of product: the only module of this app that they import."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shop import transport
from shop.money import Money

_PATH = "/product/internal/prices"
_LONGEST_QUERY = 3000  # characters; servers refuse a request line of more than 4094


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A variant as it is sold at this moment. ``options`` tells it from its product's others."""

    sku: str
    name: str
    options: Mapping[str, str]
    unit_price: Money
    tax_class: str
    weight_g: int


def prices(*, skus: Collection[str]) -> dict[str, Priced]:
    """Names and prices of ``skus``, in one call; unknown and unpublished ones are absent. Raises NoAnswer."""
    if not skus:
        return {}
    joined = ",".join(sorted(skus))
    if len(joined) <= _LONGEST_QUERY:
        reply = transport.get("product", _PATH, params={"skus": joined})
    else:
        reply = transport.post("product", _PATH, json_body={"skus": joined}, idempotency_key="prices")
    return {row["sku"]: _priced(row) for row in reply.body["prices"]}


def _priced(row: Mapping[str, object]) -> Priced:
    price = row["unit_price"]
    assert isinstance(price, dict)
    return Priced(
        sku=str(row["sku"]),
        name=str(row["name"]),
        options=row["options"],  # type: ignore[arg-type]
        unit_price=Money(Decimal(price["amount"]), price["currency"]),
        tax_class=str(row["tax_class"]),
        weight_g=int(row["weight_g"]),  # type: ignore[call-overload]
    )
