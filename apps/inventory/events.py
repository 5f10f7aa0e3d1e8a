"""What inventory tells other roles."""

from dataclasses import dataclass
from typing import TypedDict

from shop.events.registry import event


class LevelChanged(TypedDict):
    """``available`` units of ``sku`` since its change number ``sequence``."""

    sku: str
    available: int
    sequence: int


@event("stock.changed.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged:
    """One command changed what is available of these SKUs.

    No order is promised: of each SKU the level with the highest ``sequence`` holds. The event's own
    aggregate and sequence are those of its first SKU.
    """

    levels: list[LevelChanged]


@event("stock.low.v1")
@dataclass(frozen=True, slots=True, kw_only=True)
class StockLow:
    """``available`` units are left, ``threshold`` or fewer. Told again only after it rose above."""

    sku: str
    available: int
    threshold: int
