"""Below ``/product``."""

from django.urls import URLPattern, path

from apps.product import api, internal_api, media, own_api
from shop.api import ApiRoot

root = ApiRoot.as_view(
    links={"products": "product:products", "categories": "product:categories", "attributes": "product:attributes"}
)
urlpatterns: list[URLPattern] = [
    path("products", api.Products.as_view(), name="products"),
    path("products/<str:sku>", api.ProductView.as_view(), name="product"),
    path("products/<str:sku>/pictures", own_api.Pictures.as_view(), name="pictures"),
    path("products/<str:sku>/pictures/<int:picture>", own_api.OnePicture.as_view(), name="picture"),
    path("products/<str:sku>/reviews", own_api.Reviews.as_view(), name="reviews"),
    path("reviews", own_api.Moderation.as_view(), name="moderation"),
    path("reviews/<int:review>", own_api.OneReview.as_view(), name="review"),
    path("media/<path:path>", media.file, name="media"),
    path("categories/tree", api.CategoryTree.as_view(), name="category-tree"),
    path("attributes", api.Attributes.as_view(), name="attributes"),
    path("categories", api.Categories.as_view(), name="categories"),
    path("internal/prices", internal_api.Prices.as_view(), name="prices"),
]
