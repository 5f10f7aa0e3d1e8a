"""The whole catalogue by natural keys: what must be equal in two shops for them to be the same shop."""

from typing import Any

from apps.product.importing.export import units_of
from apps.product.models import Attribute, Category, Product


def catalogue() -> dict[str, Any]:
    """Categories, attributes and products, with everything a merchant entered, and the units of each SKU."""
    categories = Category.objects.order_by("slug").values_list("slug", "name", "parent__slug")
    attributes = Attribute.objects.order_by("code").values_list("code", "name", "kind", "unit")
    return {
        "categories": list(categories),
        "attributes": list(attributes),
        "products": [_product(product) for product in Product.objects.order_by("slug")],
    }


def _product(product: Product) -> dict[str, Any]:
    own = ("slug", "name", "description", "vendor", "kind", "tags", "option_names", "published", "publish_at")
    variants = list(product.variants.order_by("position"))
    units = units_of([variant.sku for variant in variants])
    return {
        **{name: getattr(product, name) for name in (*own, "seo_title", "seo_description")},
        "category": product.category.slug,
        "images": list(product.images.order_by("position", "id").values_list("address", "alt")),
        "attributes": {value.attribute.code: value.shown for value in product.attribute_values.all()},
        "variants": [
            {
                "sku": variant.sku,
                "options": variant.options,
                "price": variant.price,
                "currency": variant.currency,
                "compare_at": variant.compare_at_price,
                "barcode": variant.barcode,
                "image": variant.image and variant.image.address,
                "tax_class": variant.tax_class,
                "weight_g": variant.weight_g,
                "units": units.get(variant.sku, 0),
            }
            for variant in variants
        ],
    }
