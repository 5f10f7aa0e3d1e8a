"""Opening stock on its way to inventory: noted with the import, told afterwards, once."""

import json
from uuid import UUID, uuid5

from django.db import connection

from apps.inventory import client as inventory
from apps.product.models import StockOpening
from shop.errors import NoAnswer
from shop.transactions import command

_SKUS = 500  # of one call, which inventory bounds


def send_due() -> int:
    """Tell inventory of one batch; how many SKUs were told. None while it does not answer: the sweep comes again."""
    batch, units = _waiting()
    if not units:
        return 0
    # The key names the content: what a crash leaves unmarked is sent again, and is the same to inventory.
    key = uuid5(batch, json.dumps(units, sort_keys=True))
    try:
        inventory.open_stock(batch_id=key, units=units)
    except NoAnswer:
        return 0
    _mark_sent(batch=batch, skus=list(units))
    return len(units)


def _waiting() -> tuple[UUID, dict[str, int]]:
    due = StockOpening.objects.filter(sent_at=None).order_by("batch", "sku")
    first = due.values_list("batch", flat=True).first()
    if first is None:
        return UUID(int=0), {}
    return first, dict(due.filter(batch=first).values_list("sku", "quantity")[:_SKUS])


@command
def _mark_sent(*, batch: UUID, skus: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [batch, skus])


_MARK = "UPDATE product_stockopening SET sent_at = now() WHERE batch = %s AND sku = ANY(%s) AND sent_at IS NULL"
