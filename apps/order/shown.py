"""Quotes and orders as clients see them. Plain dictionaries: the serializers in ``api`` describe them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from apps.order.models import Fulfilment, Order, OrderLine, Payment, Quote, Refund, RefundStatus, TimelineEntry
from apps.order.services import access_token
from apps.order.states import Reason, State
from shop.money import Money

Shown = dict[str, Any]


def quote(found: Quote) -> Shown:
    """A quote with every line."""

    def money(amount: object) -> dict[str, str]:
        return Money(Decimal(str(amount)), found.currency).json()

    lines = [
        {
            "sku": line["sku"],
            "name": line["name"],
            "quantity": line["quantity"],
            "unit_price": money(line["unit_price"]),
            "line_total": money(line["total"]),
            "tax_rate": line["tax_rate"],
            "tax": money(line["tax"]),
        }
        for line in found.lines
    ]
    names = ("subtotal", "discount", "shipping", "tax", "total")
    return {
        "id": str(found.pk),
        "lines": lines,
        **{name: money(getattr(found, name)) for name in names},
        "prices_include_tax": found.prices_include_tax,
        "shipping_method": found.shipping_method,
        "shipping_address": found.shipping_address,
        "expires_at": found.expires_at,
        "expired": getattr(found, "is_expired", False),
    }


def order_row(order: Order) -> Shown:
    """An order in a list."""
    return {
        "number": order.number,
        "status": order.state,
        "reason": order.reason,
        "placed_at": order.placed_at,
        "total": order.money(order.total).json(),
        "lines": [_line(order, line) for line in order.line_items],
    }


def order(order: Order) -> Shown:
    """An order's page. A guest's carries the token that opens it."""
    return _page(order, getattr(order, "payment", None), list(order.fulfilments.all()), list(order.refunds.all()))


def just_placed(order: Order) -> Shown:
    """An order's page straight after placing it, when nobody can have told anything about it yet."""
    return _page(order, None, [Fulfilment(id=order.shipment_id)], [])


def _page(order: Order, payment: Payment | None, parcels: list[Fulfilment], refunds: list[Refund]) -> Shown:
    given_back = sum((each.amount for each in refunds if each.status == RefundStatus.SUCCEEDED), Decimal(0))
    page = order_row(order) | {
        **{name: order.money(getattr(order, name)).json() for name in ("subtotal", "discount", "shipping", "tax")},
        "prices_include_tax": order.prices_include_tax,
        "shipping_address": order.shipping_address,
        "shipping_method": order.shipping_method,
        "email": order.email,
        "cancel_requested": order.cancel_requested,
        "parked": order.parked,
        "payment": _payment(order, payment),
        "shipments": [_shipment(parcel) for parcel in parcels],
        "refunds": [refund(order, each) for each in refunds],
        "refunded": order.money(given_back).json(),
        "timeline": f"/order/orders/{order.number}/timeline",
    }
    return page if order.customer_id else page | {"access_token": access_token(order.number)}


def refund(order: Order, found: Refund) -> Shown:
    """A refund, with its shares by line."""
    lines = [(line.sku, share) for line, share in zip(order.line_items, found.shares, strict=False)]
    return {
        "id": str(found.pk),
        "status": found.status,
        "amount": order.money(found.amount).json(),
        "lines": [{"sku": sku, "amount": order.money(Decimal(share)).json()} for sku, share in lines],
        "shipping": order.money(Decimal(found.shares[-1])).json(),
        "requested_at": found.requested_at,
    }


def timeline(entries: Iterable[TimelineEntry]) -> list[Shown]:
    """What happened, oldest first."""
    return [{"at": row.at, "to": row.to or None, "note": row.note or None, "detail": row.detail} for row in entries]


def _line(order: Order, line: OrderLine) -> Shown:
    return {
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": order.money(line.unit_price).json(),
        "line_total": order.money(line.total).json(),
        "tax_rate": f"{line.tax_rate:f}",
        "tax": order.money(line.tax).json(),
    }


def _shipment(fulfilment: Fulfilment) -> Shown:
    return {
        "id": str(fulfilment.pk),
        "status": fulfilment.status,
        "tracking_number": fulfilment.tracking_number or None,
    }


def _payment(order: Order, told: Payment | None) -> Shown:
    """As payment has told it; until then, as the saga knows it."""
    if told is None:
        return {"id": str(order.payment_id), "status": _expected(order), "attempts": []}
    return {
        "id": str(order.payment_id),
        "status": told.status,
        "authorised": order.money(told.authorised).json(),
        "captured": order.money(told.captured).json(),
        "refunded": order.money(told.refunded).json(),
        "attempts": told.attempts,
    }


def _expected(order: Order) -> str:
    if order.reason == Reason.DECLINED:
        return "declined"
    if order.is_captured:
        return "captured"
    return {State.PENDING: "pending", State.CONFIRMED: "authorised"}.get(State(order.state), "voided")
