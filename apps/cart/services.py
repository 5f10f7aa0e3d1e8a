"""What a cart does. Every change locks the cart's row first, so that changes of one cart queue up."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models.functions import Now

from apps.cart.models import MOST_LINES, MOST_UNITS, Cart, CartLine, Merge
from shop.transactions import command, step

GUEST_CARTS_KEPT_FOR = timedelta(days=90)  # since the last change
_EXPIRED_AT_ONCE = 500
_TOKEN_BYTES = 32

Notice = dict[str, Any]  # {"sku", "wanted", "quantity", "reason"}: what a change could not do in full


class CartNotFound(Exception):
    """No cart has this token: it never did, it expired, or it was merged into a customer's."""


class LineNotFound(Exception):
    """The cart has no line with this SKU."""


class CartFull(Exception):
    """The cart has as many different SKUs as a cart may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose cart: a customer's, or that of the holder of a token, or (neither) a stranger's, who has none yet."""

    customer_id: UUID | None = None
    token: str = ""

    @property
    def token_hash(self) -> str:
        return hashlib.sha256(self.token.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A cart's lines (SKU -> units) in the order they were added. ``id`` is None for a cart that is not there.

    ``token`` is set once, for the guest whose first line this is.
    """

    id: UUID | None = None
    lines: Mapping[str, int] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    token: str = ""

    @property
    def pk(self) -> UUID | None:
        return self.id


def contents(*, owner: Owner) -> Contents:
    """The owner's cart, without a change to it: one statement. Raises CartNotFound for an unknown token."""
    if owner.customer_id:
        return _read("cart.customer_id = %s", owner.customer_id)
    if not owner.token:
        return Contents()
    found = _read("cart.token_hash = %s", owner.token_hash)
    if found.id is None:
        raise CartNotFound
    return found


def contents_of(*, cart_id: UUID) -> Contents:
    """The cart with this id; empty if it is no longer there."""
    return _read("cart.id = %s", cart_id)


@command
def add(*, owner: Owner, sku: str, quantity: int) -> Contents:
    """Add units of a SKU that the catalogue knows; more than 999 are cut to 999, with a notice.

    A stranger gets a cart, and its token. Raises CartNotFound, CartFull.
    """
    cart_id, token = _opened(owner)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [cart_id, sku, quantity, MOST_UNITS])
        before, now = cursor.fetchone()
    lines = _lines(cart_id)
    if len(lines) > MOST_LINES:
        raise CartFull
    wanted = before + quantity
    notices = [_notice(sku, wanted, now, "limit")] if wanted > now else []
    return Contents(id=cart_id, lines=lines, notices=notices, token=token)


@command
def set_quantity(*, owner: Owner, sku: str, quantity: int) -> Contents:
    """Set the units of a line. Raises CartNotFound, LineNotFound."""
    cart_id = _locked(owner)
    if cart_id is None or not CartLine.objects.filter(cart=cart_id, sku=sku).update(quantity=quantity):
        raise LineNotFound(sku)
    return Contents(id=cart_id, lines=_lines(cart_id))


@command
def remove(*, owner: Owner, sku: str | None = None) -> None:
    """Remove one line, or all; what is not there is as good as removed. Raises CartNotFound."""
    lines = CartLine.objects.filter(cart=_locked(owner))
    lines.filter(sku=sku).delete() if sku else lines.delete()


@command
def merge(*, customer_id: UUID, token: str, available: Mapping[str, int] | None) -> Contents:
    """Put the lines of the token's cart into the customer's; the token is dead afterwards.

    Quantities add up, as far as ``available`` (None: not known) and the limits of a cart go; what
    the customer's own cart had is never reduced. Notices say what was not taken over in full. A
    repeat by the same customer returns the cart with the same notices. Raises CartNotFound.
    """
    guest = Owner(token=token)
    source = Cart.objects.select_for_update().filter(token_hash=guest.token_hash).first()
    if source is None:
        return _merged_before(customer_id, guest.token_hash)
    target, _ = _opened(Owner(customer_id=customer_id))
    lines, notices = _combined(_lines(target), _lines(source.id), available)
    CartLine.objects.bulk_create(
        [CartLine(cart_id=target, sku=sku, quantity=quantity) for sku, quantity in lines.items()],
        update_conflicts=True,
        unique_fields=["cart", "sku"],
        update_fields=["quantity"],
    )
    Merge.objects.create(token_hash=guest.token_hash, guest_cart_id=source.id, customer_id=customer_id, notices=notices)
    source.delete()
    return Contents(id=target, lines=_lines(target), notices=notices)


def merged_before(*, customer_id: UUID, token: str) -> Contents:
    """The customer's cart with the notices of an earlier merge. Raises CartNotFound."""
    return _merged_before(customer_id, Owner(token=token).token_hash)


@step
def take_out_ordered(*, cart_id: UUID, lines: Mapping[str, int]) -> None:
    """Take what was ordered out of the cart it was ordered from, or of the one that went into since."""
    holder = _holder(cart_id)
    if holder is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OUT, [list(lines), list(lines.values()), holder, holder])


@command
def forget_guests() -> int:
    """Delete one batch of guests' carts, and of merges, untouched for 90 days; how many."""
    old = Now() - GUEST_CARTS_KEPT_FOR
    carts = Cart.objects.filter(customer_id=None, touched_at__lt=old).order_by("touched_at")
    batch = carts.select_for_update(skip_locked=True).values_list("pk", flat=True)[:_EXPIRED_AT_ONCE]
    merges = Merge.objects.filter(merged_at__lt=old).values("pk")[:_EXPIRED_AT_ONCE]
    doomed = list(batch)
    Cart.objects.filter(pk__in=doomed).delete()
    return len(doomed) + Merge.objects.filter(pk__in=merges).delete()[0]


def _opened(owner: Owner) -> tuple[UUID, str]:
    """Lock the owner's cart, made if need be, as just touched; its id, and the token of a new guest."""
    if owner.customer_id:
        return _one(_OPEN_CUSTOMERS, [uuid4(), owner.customer_id]), ""
    if owner.token:
        found = _locked(owner)
        assert found is not None  # a token without a cart has raised
        return found, ""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return _one(_OPEN_GUESTS, [uuid4(), Owner(token=token).token_hash]), token


def _locked(owner: Owner) -> UUID | None:
    """Lock the owner's cart, as just touched. Raises CartNotFound for an unknown token."""
    if not owner.customer_id and not owner.token:
        return None
    lock, value = (_LOCK_CUSTOMERS, owner.customer_id) if owner.customer_id else (_LOCK_GUESTS, owner.token_hash)
    with connection.cursor() as cursor:
        cursor.execute(lock, [value])
        row = cursor.fetchone()
    if row is None and owner.token and not owner.customer_id:
        raise CartNotFound
    return row[0] if row else None


def _holder(cart_id: UUID) -> UUID | None:
    """Lock the cart, or the one it was merged into."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM cart_cart WHERE id = %s FOR UPDATE", [cart_id])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(_MERGED_INTO, [cart_id])
            row = cursor.fetchone()
    return row[0] if row else None


def _merged_before(customer_id: UUID, token_hash: str) -> Contents:
    merged = Merge.objects.filter(token_hash=token_hash, customer_id=customer_id).first()
    if merged is None:
        raise CartNotFound
    now = contents(owner=Owner(customer_id=customer_id))
    return Contents(id=now.id, lines=now.lines, notices=merged.notices)


def _combined(
    own: Mapping[str, int], guests: Mapping[str, int], available: Mapping[str, int] | None
) -> tuple[dict[str, int], list[Notice]]:
    """The lines that change, and what could not be taken over in full."""
    lines, notices = dict[str, int](), list[Notice]()
    for sku, units in guests.items():
        had = own.get(sku, 0)
        wanted = had + units
        quantity, reason = _allowed(wanted, MOST_UNITS if available is None else available.get(sku, 0))
        if not had and len(own.keys() | lines.keys()) >= MOST_LINES:
            quantity, reason = 0, "cart-full"
        quantity = max(had, quantity)
        if quantity > had:
            lines[sku] = quantity
        if quantity < wanted:
            notices.append(_notice(sku, wanted, quantity, reason))
    return lines, notices


def _allowed(wanted: int, available: int) -> tuple[int, str]:
    quantity = min(wanted, available, MOST_UNITS)
    return quantity, "limit" if quantity == MOST_UNITS else "available"


def _notice(sku: str, wanted: int, quantity: int, reason: str) -> Notice:
    return {"sku": sku, "wanted": wanted, "quantity": quantity, "reason": reason}


def _lines(cart_id: UUID) -> dict[str, int]:
    return dict(CartLine.objects.filter(cart=cart_id).order_by("id").values_list("sku", "quantity"))


def _read(condition: str, value: UUID | str) -> Contents:
    with connection.cursor() as cursor:
        cursor.execute(_READ.format(condition=condition), [value])
        rows = cursor.fetchall()
    return Contents(id=rows[0][0] if rows else None, lines={sku: units for _, sku, units in rows if sku})


def _one(sql: str, values: list[UUID | str]) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: UUID = cursor.fetchone()[0]
    return found


_READ = """
SELECT cart.id, line.sku, line.quantity FROM cart_cart cart
LEFT JOIN cart_cartline line ON line.cart_id = cart.id
WHERE {condition} ORDER BY line.id
"""

_OPEN_CUSTOMERS = """
INSERT INTO cart_cart (id, customer_id) VALUES (%s, %s)
ON CONFLICT (customer_id) DO UPDATE SET touched_at = now() RETURNING id
"""
_LOCK_CUSTOMERS = "UPDATE cart_cart SET touched_at = now() WHERE customer_id = %s RETURNING id"
_LOCK_GUESTS = "UPDATE cart_cart SET touched_at = now() WHERE token_hash = %s RETURNING id"
_OPEN_GUESTS = "INSERT INTO cart_cart (id, token_hash) VALUES (%s, %s) RETURNING id"

# The quantities before and after; the cart's lock makes the reading of the first exact.
_ADD = """
WITH added (cart_id, sku, quantity, most) AS (VALUES (%s::uuid, %s::text, %s::int, %s::int)),
had AS (SELECT line.quantity FROM cart_cartline line JOIN added USING (cart_id, sku)),
written AS (
    INSERT INTO cart_cartline AS line (cart_id, sku, quantity)
    SELECT cart_id, sku, least(quantity + coalesce((SELECT quantity FROM had), 0), most) FROM added
    ON CONFLICT (cart_id, sku) DO UPDATE SET quantity = excluded.quantity RETURNING quantity
)
SELECT coalesce((SELECT quantity FROM had), 0), written.quantity FROM written
"""

_TAKE_OUT = """
WITH ordered (sku, quantity) AS (
    SELECT * FROM unnest(%s::text[], %s::int[])
), gone AS (
    DELETE FROM cart_cartline line USING ordered
    WHERE line.cart_id = %s AND line.sku = ordered.sku AND line.quantity <= ordered.quantity
)
UPDATE cart_cartline line SET quantity = line.quantity - ordered.quantity FROM ordered
WHERE line.cart_id = %s AND line.sku = ordered.sku AND line.quantity > ordered.quantity
"""

_MERGED_INTO = """
SELECT cart.id FROM cart_merge merged JOIN cart_cart cart USING (customer_id)
WHERE merged.guest_cart_id = %s FOR UPDATE OF cart
"""
