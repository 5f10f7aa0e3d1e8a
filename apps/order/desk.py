"""The page of one order in the admin: what it shows, and what is done from it.

Everything done goes through the services; a refusal of theirs is a message on the page.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest

from apps.order import refunds, services
from apps.order.models import Order, OrderLine, RefundStatus, TimelineEntry
from apps.order.states import ENDED, Note, Position, State
from shop.backoffice import marks
from shop.money import Money

TONES = {
    State.PENDING: marks.BUSY,
    State.CONFIRMED: marks.BUSY,
    State.SHIPPED: marks.BUSY,
    State.DELIVERED: marks.GOOD,
    State.REJECTED: marks.BAD,
    State.CANCELLED: marks.BAD,
}
REFUND_TONES = {
    RefundStatus.PENDING: marks.BUSY,
    RefundStatus.SUCCEEDED: marks.GOOD,
    RefundStatus.REFUSED: marks.BAD,
}

_SAID: Mapping[str, str] = {
    State.PENDING: "Placed",
    State.CONFIRMED: "Confirmed: stock secured, payment authorised",
    State.SHIPPED: "Shipped: paid, and with the carrier",
    State.DELIVERED: "Delivered",
    State.REJECTED: "Rejected",
    State.CANCELLED: "Cancelled",
    Note.CANCEL_REQUESTED: "Cancellation asked for",
    Note.PARKED: "Parked: waits for a person",
    Note.RETRIED: "Retried by a person",
    Note.SETTLED: "Settled by hand",
    Note.REFUND_REQUESTED: "Refund asked for",
    Note.REFUNDED: "Refunded",
    Note.REFUND_REFUSED: "Refund refused",
}
_BAD_NEWS = (State.REJECTED, State.CANCELLED, Note.PARKED, Note.REFUND_REFUSED)
_GOOD_NEWS = (State.DELIVERED, Note.REFUNDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One row of the timeline; ``after`` is how long it took since the row before it."""

    said: str
    detail: str
    at: datetime
    after: str
    tone: str
    by: str  # who of the staff did it, as far as the reader may know; "" for anybody else


def moments(entries: Iterable[TimelineEntry]) -> Iterator[Moment]:
    """The timeline to read, oldest first. Entries ``with_actors`` say who of the staff acted, others only that."""
    before: datetime | None = None
    for entry in entries:
        word = entry.to or entry.note
        tone = marks.BAD if word in _BAD_NEWS else marks.GOOD if word in _GOOD_NEWS else marks.QUIET
        after = marks.lasting(entry.at - before) if before else ""
        yield Moment(
            said=_SAID.get(word, word),
            detail=entry.detail,
            at=entry.at,
            after=after,
            tone=tone,
            by=(getattr(entry, "actor_email", None) or "staff") if entry.actor else "",
        )
        before = entry.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with what of it was given back; ``left`` units can still be."""

    line: OrderLine
    paid: Decimal
    given_back: Decimal
    left: int

    @property
    def field(self) -> str:
        """Name of its field in the refund's form."""
        return f"units_{self.line.position}"


def lines_of(order: Order) -> list[Line]:
    """The lines of an order, as its page and its refund form show them."""
    gone, back = refunds.units_back(order), refunds.given_back(order)
    return [
        Line(line=line, paid=paid, given_back=given, left=line.quantity - gone[line.sku])
        for line, paid, given in zip(order.line_items, refunds.paid_parts(order), back, strict=False)
    ]


class RefundForm(forms.Form):
    """What is to be given back: units of lines, with or without shipping; or else an amount."""

    shipping = forms.BooleanField(required=False)
    amount = forms.DecimalField(required=False, min_value=Decimal("0.001"))
    refund_id = forms.UUIDField(required=False)

    def __init__(self, data: Mapping[str, Any] | None, order: Order) -> None:
        super().__init__(data)
        self.order = order
        self.lines = lines_of(order)
        for row in self.lines:
            units = forms.IntegerField(required=False, min_value=0, max_value=row.left, initial=0)
            units.error_messages["max_value"] = f"Only {row.left} of {row.line.sku} are left to give back."
            self.fields[row.field] = units

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if self.errors:
            return asked
        by_lines = bool(self.units or asked["shipping"])
        if by_lines and asked["amount"]:
            raise forms.ValidationError("Either lines or an amount: what lines come to is computed.")
        if not by_lines and not asked["amount"]:
            raise forms.ValidationError("Choose what to give back, or name an amount.")
        try:
            left = refunds.left_to_refund(self.order)
            if self.money.amount > left:
                raise forms.ValidationError(f"Only {marks.money(left, self.order.currency)} are left to give back.")
        except ValueError as exc:
            raise forms.ValidationError(f"{exc}.") from None
        if not self.money:
            raise forms.ValidationError("Nothing is left to give back of what was chosen.")
        return asked

    @property
    def units(self) -> dict[str, int]:
        """SKU -> units, of the lines that were chosen."""
        chosen = {row.line.sku: self.cleaned_data.get(row.field) or 0 for row in self.lines}
        return {sku: units for sku, units in chosen.items() if units}

    @property
    def parts(self) -> list[tuple[str, Decimal]]:
        """What each chosen line comes to, then shipping."""
        shares = refunds.worth(self.order, units=self.units, shipping=self.cleaned_data["shipping"])
        names = [f"{self.units.get(row.line.sku, 0)} x {row.line.name} ({row.line.sku})" for row in self.lines]
        return [part for part in zip([*names, "Shipping"], shares, strict=True) if part[1]]

    @property
    def money(self) -> Money:
        """What it comes to in all. Raises ValueError for an amount that is none of the currency."""
        if self.cleaned_data["amount"]:
            return Money.parse(str(self.cleaned_data["amount"]), self.order.currency)
        return self.order.money(sum((part for _, part in self.parts), Decimal(0)))

    def give_back(self, refund_id: UUID) -> None:
        """Do it; a repeat with the same id changes nothing. Raises what ``refunds`` does."""
        if self.cleaned_data["amount"]:
            refunds.refund(refund_id=refund_id, order_id=self.order.pk, amount=self.money)
        else:
            refunds.refund_units(
                refund_id=refund_id,
                order_id=self.order.pk,
                units=self.units,
                shipping=self.cleaned_data["shipping"],
            )


REFUSALS = (
    services.TooLateToCancel,
    services.NotParked,
    services.MoneyTaken,
    services.MoneyInDoubt,
    refunds.RefundExceedsCaptured,
    refunds.NothingToRefund,
    refunds.UnitsNotLeft,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that is done to an order by a button; ``warning`` is confirmed first."""

    name: str
    title: str
    permission: str
    done: str
    do: Callable[..., object]
    fits: Callable[[Order], bool]
    warning: str = ""


ACTS = {
    act.name: act
    for act in (
        Act(
            name="retry",
            title="Retry",
            permission="order.operate_order",
            done="Its step is tried again.",
            do=services.retry,
            fits=lambda order: order.parked,
        ),
        Act(
            name="cancel",
            title="Cancel order",
            permission="order.cancel_order",
            done="The cancellation is under way, or done: see the timeline.",
            do=services.cancel,
            fits=lambda order: (
                (order.state == State.PENDING or (order.state == State.CONFIRMED and order.step == Position.WINDOW))
                and not order.cancel_requested
            ),
            warning="The stock is released, the authorisation voided, and the customer told.",
        ),
        Act(
            name="close",
            title="Give up",
            permission="order.close_order",
            done="It is given up, and lets go what it may hold.",
            do=services.close,
            fits=lambda order: order.parked,
            warning="The order ends. Whatever it may still hold is released and voided.",
        ),
    )
}

PERMISSIONS = {"refund": "order.refund_order"} | {act.name: act.permission for act in ACTS.values()}


def acts_for(request: HttpRequest, order: Order) -> list[Act]:
    """The buttons of the page: what fits the order, and its reader may do."""
    return [act for act in ACTS.values() if act.fits(order) and request.user.has_perm(act.permission)]


def refusal(exc: Exception) -> str:
    """What is said of a refusal: its own words."""
    return str(exc) or (type(exc).__doc__ or "").partition("\n")[0]


def shown(request: HttpRequest, order: Order) -> dict[str, Any]:
    """All that the page shows of an order's own tables, in six queries."""
    timeline = order.timeline.order_by("id")
    if request.user.has_perm("order.view_timelineentry"):
        timeline = timeline.with_actors()
    return {
        "order": order,
        "tone": TONES[State(order.state)],
        "lines": lines_of(order),
        "moments": list(moments(timeline[:200])),
        "payment": getattr(order, "payment", None),
        "parcels": list(order.fulfilments.all()),
        "refunds": [(refund, REFUND_TONES[RefundStatus(refund.status)]) for refund in order.refunds.all()],
        "left": refunds.left_to_refund(order),
        "ended": order.state in ENDED,
    }
