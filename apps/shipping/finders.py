"""What the admin's search box finds in shipments."""

from django.db.models import Q

from apps.shipping.models import Shipment
from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url

_SHORTEST = 6  # characters of a tracking number that say something


@finder(role="shipping", permission="shipping.view_shipment")
def shipments(text: str, limit: int) -> list[Hit]:
    """By tracking number, or its beginning; by the number of their order."""
    if len(text) < _SHORTEST:
        return []
    asked = Q(tracking_number__startswith=text.upper()) | Q(order_number=text.upper())
    return [
        Hit(
            title=shipment.tracking_number or "",
            note=f"{shipment.state.replace('_', ' ')} · order {shipment.order_number}",
            href=admin_url("shipping", f"shipping/shipment/{shipment.pk}/change/"),
        )
        for shipment in Shipment.objects.filter(asked, tracking_number__isnull=False).order_by()[:limit]
    ]
