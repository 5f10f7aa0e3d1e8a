"""Product's entries in the menu of every admin page."""

from shop.backoffice.menu import entry

entry(
    role="product",
    section="Catalogue",
    position=10,
    title="Products",
    icon="inventory_2",
    page="product/product/",
    permission="product.view_product",
)

entry(
    role="product",
    section="Catalogue",
    position=20,
    title="Categories",
    icon="account_tree",
    page="product/category/",
    permission="product.view_category",
)

entry(
    role="product",
    section="Catalogue",
    position=30,
    title="Attributes",
    icon="tune",
    page="product/attribute/",
    permission="product.view_attribute",
)

entry(
    role="product",
    section="Catalogue",
    position=40,
    title="Reviews",
    icon="reviews",
    page="product/review/",
    permission="product.view_review",
)
