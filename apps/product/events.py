"""What product hears: inventory's levels."""

from apps.product import services
from shop.events.registry import Received, handles


@handles("stock.changed.v1")
def follow_levels(received: Received) -> None:
    """Project what is available of each SKU; an older sequence than the known one is ignored."""
    services.apply_levels(levels=received.payload["levels"])
