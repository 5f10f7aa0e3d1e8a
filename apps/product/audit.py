"""What must hold in the catalogue, and the levels that inventory must agree with."""

from collections.abc import Sequence

from apps.product.models import Level
from shop.audit import Fact, facts, rule

rule(
    "product-without-first-variant",  # no list would show it
    """
    SELECT p.id::text, p.slug FROM product_product p
    WHERE NOT EXISTS (SELECT FROM product_variant v WHERE v.product_id = p.id AND v.position = 0)
    """,
    role="product",
)
rule(
    "level-negative",
    "SELECT sku, available::text FROM product_level WHERE available < 0",
    role="product",
)
rule(
    "facets-are-options-and-attributes",
    """
    SELECT id::text, format('%s: %s', slug, array_to_string(facets, ' '))
    FROM product_product WHERE facets <> product_facets(id)
    """,
    role="product",
)
rule(
    "rating-is-of-approved-reviews",
    """
    SELECT p.id::text, format('%s: %s of %s reviews, approved are %s of %s', p.slug, p.rating_sum, p.rating_count,
        coalesce(approved.total, 0), coalesce(approved.reviews, 0))
    FROM product_product p LEFT JOIN (
        SELECT product_id, sum(rating) AS total, count(*) AS reviews
        FROM product_review WHERE state = 'approved' GROUP BY product_id
    ) approved ON approved.product_id = p.id
    WHERE (p.rating_sum, p.rating_count) <> (coalesce(approved.total, 0), coalesce(approved.reviews, 0))
    """,
    role="product",
)


@facts("levels")
def levels(ids: Sequence[str] | None, after: str, limit: int) -> list[Fact]:
    """What the catalogue believes to be available of each SKU."""
    rows = Level.objects.order_by("sku")
    rows = rows.filter(sku__gt=after)[:limit] if ids is None else rows.filter(sku__in=ids)
    return [
        {"id": row["sku"], "available": row["available"], "sequence": row["sequence"]}
        for row in rows.values("sku", "available", "sequence")
    ]
