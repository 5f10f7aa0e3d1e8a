from django.db import migrations

from shop.changes.operations import Track

_DERIVED = ["search", "facets", "created_at", "changed_at", "rating_sum", "rating_count"]
_FETCHING = ["state", "error", "attempts", "due_at", "digest", "width", "height"]


class Migration(migrations.Migration):
    """Let what is edited by hand leave its history."""

    dependencies = [("product", "0001_initial"), ("changes", "0001_initial")]
    operations = [
        Track("product_category"),
        Track("product_product", ignore=_DERIVED),
        Track("product_variant"),
        Track("product_image", ignore=_FETCHING),
        Track("product_attribute"),
        Track("product_attributevalue"),
        Track("product_related"),
        Track("product_review", only=["state"], named=True),
    ]
