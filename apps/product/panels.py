"""What product shows on the pages of other roles."""

from django.db.models import Q
from django.http import Http404, HttpRequest

from apps.product.models import Variant
from shop.backoffice.panels import Shown, panel


@panel(role="product", name="sku", permission="product.view_product")
def variant_of_code(request: HttpRequest, key: str) -> Shown:
    """The variant that a SKU or a barcode names: inventory's scanning page asks, which knows SKUs only."""
    found = Variant.objects.filter(Q(sku=key) | (Q(barcode=key) & ~Q(barcode=""))).select_related("product")
    variant = min(found[:5], key=lambda each: each.sku != key, default=None)  # a SKU goes before a barcode
    if variant is None:
        raise Http404
    return "product/sku_panel.html", {"variant": variant}
