"""Product's card on the admin's first page."""

from apps.product.models import Product, Review
from shop.backoffice.cards import Card, card
from shop.backoffice.charts import chart, counted, text
from shop.backoffice.links import admin_url

_NEWEST = 5_000  # products among which drafts are counted: a draft is new, or forgotten


@card(role="product", position=45, permission="product.view_review")
def to_moderate() -> Card:
    """Reviews that wait for a decision, and how many of the newest products are drafts."""
    waiting = counted(Review.objects.filter(state="pending"))
    newest = Product.objects.order_by("-id").values("published")[:_NEWEST]
    drafts = sum(not row["published"] for row in newest)
    seen = chart("(SELECT * FROM product_review ORDER BY id DESC LIMIT 20000) review", at="created_at", step="day")
    page = "product/review/?state__exact=pending" if waiting else "product/product/?published__exact=0"
    return Card(
        title="Reviews to moderate",
        value=text(waiting),
        note=f"{drafts:,} draft{'' if drafts == 1 else 's'} of products",
        href=admin_url("product", page),
        series=seen.series(),
        series_note="Reviews",
        span=seen.span,
    )
