"""What the admin's search box finds in the catalogue."""

from django.db.models import Q

from apps.product.models import Product, Variant
from shop.backoffice.finders import Hit, finder
from shop.backoffice.links import admin_url

_SHORTEST = 3  # characters of a SKU or a name that say something


@finder(role="product", permission="product.view_product")
def products(text: str, limit: int) -> list[Hit]:
    """By SKU or its beginning, by barcode; by a part of the name, answered from trigrams."""
    if len(text) < _SHORTEST:
        return []
    coded = Variant.objects.filter(Q(sku__startswith=text) | (Q(barcode=text) & ~Q(barcode=""))).order_by("sku")
    hits = [
        _hit(variant.product, f"{variant.sku} · {variant.price} {variant.currency}")
        for variant in coded.select_related("product")[:limit]
    ]
    part = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    named = Product.objects.raw(_NAMED, [f"%{part}%", limit - len(hits)])
    return hits + [_hit(product, "published" if product.published else "draft") for product in named]


def _hit(product: Product, note: str) -> Hit:
    return Hit(title=product.name, note=note, href=admin_url("product", f"product/product/{product.pk}/change/"))


_NAMED = "SELECT id, name, published FROM product_product WHERE name ILIKE %s ORDER BY id DESC LIMIT %s"
