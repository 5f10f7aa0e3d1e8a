"""What shipping shows on the pages of other roles."""

from django.http import Http404, HttpRequest

from apps.shipping.admin import TONES
from apps.shipping.models import Shipment, ShipmentState
from shop.backoffice.panels import Shown, panel

_SHOWN = 20  # parcels of an order


@panel(role="shipping", name="order", permission="shipping.view_shipment")
def shipments_of_order(request: HttpRequest, key: str) -> Shown:
    """An order's shipments, each with its tracking."""
    found = Shipment.objects.filter(order_number=key).prefetch_related("tracking").order_by("created_at", "id")
    rows = [(shipment, TONES[ShipmentState(shipment.state)]) for shipment in found[:_SHOWN]]
    if not rows:
        raise Http404
    return "shipping/order_panel.html", {"rows": rows}
