"""What the catalogue's API reads and, for the documents only, how it answers."""

from typing import Any

from rest_framework import serializers

from apps.product import listing
from apps.product.models import Attribute, Image, Review
from shop.fields import MoneyIn, MoneyOut, SkuIn
from shop.money import MAX, Money
from shop.pagination import CursorPagination


class CategoryNameOut(serializers.Serializer[Any]):
    """Which category a product is in."""

    slug = serializers.CharField()
    name = serializers.CharField()


class CategoryOut(CategoryNameOut):
    """A category; ``parent`` is a slug, or null."""

    parent = serializers.CharField(allow_null=True)  # type: ignore[assignment]  # the attribute becomes a declared field


class CategoryIn(serializers.Serializer[Any]):
    """A category to be created."""

    slug = serializers.SlugField(max_length=80)
    name = serializers.CharField(max_length=120)
    parent = serializers.SlugField(  # type: ignore[assignment]  # as above
        max_length=80, required=False, allow_blank=True, default=""
    )


class CategoryTreeOut(CategoryNameOut):
    """A category with those below it, in the same form."""

    children = serializers.ListField(child=serializers.DictField())


class PricedOut(serializers.Serializer[Any]):
    """A SKU; ``available`` is what may still be ordered, as last heard.

    ``compare_at_price`` is what it cost, or costs elsewhere: null unless it is above the price.
    """

    sku = serializers.CharField()
    price = MoneyOut()
    compare_at_price = MoneyOut(allow_null=True)
    available = serializers.IntegerField()


class VariantOut(PricedOut):
    """A SKU in the choice of its options."""

    options = serializers.DictField(child=serializers.CharField())


class ThumbnailOut(serializers.Serializer[Any]):
    """One file of a picture; ``width`` in pixels, ``url`` relative to the shop's address."""

    width = serializers.IntegerField()
    format = serializers.ChoiceField(choices=["avif", "webp"])
    url = serializers.CharField()


class PictureOut(serializers.Serializer[Any]):
    """A picture; width and height in pixels are those of its largest file."""

    alt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    thumbnails = ThumbnailOut(many=True)


class ProductPictureOut(PictureOut):
    """A picture of one product."""

    id = serializers.IntegerField()


class RatingOut(serializers.Serializer[Any]):
    """Of the approved reviews: the average from 1 to 5, and how many they are."""

    average = serializers.FloatField()
    count = serializers.IntegerField()


class ListedOut(PricedOut):
    """A product in a list, with the SKU, price and availability of its first variant."""

    slug = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    in_stock = serializers.BooleanField()
    rating = RatingOut(allow_null=True)
    image = PictureOut(allow_null=True)
    variants = VariantOut(many=True)


class FacetOut(serializers.Serializer[Any]):
    """How many products a choice would leave."""

    value = serializers.CharField()
    name = serializers.CharField()
    count = serializers.IntegerField()


class PropertyFacetOut(serializers.Serializer[Any]):
    """An option or attribute: ``?<code>=<value>``, repeated for one of several.

    Numbers also have ``min`` and ``max``, and the parameters ``<code>_min`` and ``<code>_max``.
    """

    code = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["option", *Attribute.Kind.values])
    unit = serializers.CharField()
    min = serializers.CharField(required=False)
    max = serializers.CharField(required=False)
    values = FacetOut(many=True)


class FacetsOut(serializers.Serializer[Any]):
    """Ways to narrow the list, counted among the newest ``counted`` products found: all of them if ``complete``."""

    category = FacetOut(many=True)
    vendor = FacetOut(many=True)
    tag = FacetOut(many=True)
    properties = PropertyFacetOut(many=True)
    counted = serializers.IntegerField()
    complete = serializers.BooleanField()


class ProductsOut(serializers.Serializer[Any]):
    """One page; ``facets`` come with the first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = ListedOut(many=True)
    facets = FacetsOut(required=False)


class SoldVariantOut(VariantOut):
    """A variant with what taxes and shipping depend on; ``image`` is the id of one of the product's pictures."""

    tax_class = serializers.CharField()
    weight_g = serializers.IntegerField()
    barcode = serializers.CharField()
    image = serializers.IntegerField(allow_null=True)


class AttributeValueOut(serializers.Serializer[Any]):
    """A property of the product; numbers and booleans as text."""

    code = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.CharField()
    value = serializers.CharField()


class SeoOut(serializers.Serializer[Any]):
    """For search engines."""

    title = serializers.CharField()
    description = serializers.CharField()


class ProductOut(SoldVariantOut):
    """The variant asked for, its product, the product's variants, and products to be shown beside it."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = CategoryNameOut()
    vendor = serializers.CharField()
    kind = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    option_names = serializers.ListField(child=serializers.CharField())
    attributes = AttributeValueOut(many=True)
    images = ProductPictureOut(many=True)
    rating = RatingOut(allow_null=True)
    related = ListedOut(many=True)
    seo = SeoOut()
    published = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    in_stock = serializers.BooleanField()
    variants = SoldVariantOut(many=True)


class PriceIn(MoneyIn):
    """A price: money that is not negative."""

    def to_internal_value(self, data: Any) -> Money:
        price: Money = super().to_internal_value(data)
        if price.amount < 0:
            raise serializers.ValidationError({"amount": ["A price is not negative."]})
        return price


class OptionsIn(serializers.DictField):
    """``{"Colour": "blue", "Size": "M"}``."""

    child = serializers.CharField(max_length=80)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        options = super().to_internal_value(data)
        name = serializers.CharField(max_length=40)
        return {name.run_validation(key): value for key, value in options.items()}


class VariantIn(serializers.Serializer[Any]):
    """A variant to be created."""

    sku = SkuIn()
    price = PriceIn()
    compare_at_price = PriceIn(source="compare_at", required=False, allow_null=True)
    options = OptionsIn(default=dict)
    barcode = serializers.CharField(max_length=64, allow_blank=True, default="")
    tax_class = serializers.SlugField(max_length=32, default="standard")
    weight_g = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)

    def validate(self, attrs: Any) -> Any:
        compared = attrs.get("compare_at")
        if compared is None:
            return attrs
        if compared.currency != attrs["price"].currency:
            raise serializers.ValidationError({"compare_at_price": ["It is in the currency of the price."]})
        return {**attrs, "compare_at": compared.amount}


class AttributesIn(serializers.DictField):
    """``{"material": "oak", "height": "80.5", "foldable": "true"}``: code to value; null takes a value away."""

    child = serializers.CharField(max_length=200, allow_null=True)


class DetailsIn(serializers.Serializer[Any]):
    """What a product may have beside its name; all of it optional. ``related`` names SKUs of other products."""

    vendor = serializers.CharField(max_length=120, allow_blank=True, required=False)
    kind = serializers.CharField(max_length=120, allow_blank=True, required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=60), max_length=50, required=False)
    publish_at = serializers.DateTimeField(allow_null=True, required=False)
    seo_title = serializers.CharField(max_length=200, allow_blank=True, required=False)
    seo_description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    attributes = AttributesIn(required=False)
    related = serializers.ListField(child=SkuIn(), max_length=20, required=False)


class ProductIn(DetailsIn):
    """A product to be created; ``category`` is a slug. The first variant stands for it in lists."""

    name = serializers.CharField(max_length=200)
    category = serializers.SlugField(max_length=80)
    description = serializers.CharField(max_length=20_000, allow_blank=True, default="")
    published = serializers.BooleanField(default=False)
    variants = serializers.ListField(child=VariantIn(), allow_empty=False, max_length=100)


class VariantPriceIn(serializers.Serializer[Any]):
    """A new price of one variant."""

    sku = SkuIn()
    price = PriceIn()


class ProductChangeIn(DetailsIn):
    """What to change; what is absent stays. ``price`` is that of the SKU in the path."""

    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=20_000, allow_blank=True, required=False)
    category = serializers.SlugField(max_length=80, required=False)
    published = serializers.BooleanField(required=False)
    price = PriceIn(required=False)
    variants = serializers.ListField(child=VariantPriceIn(), required=False, max_length=100)


class AttributeSerializer(serializers.ModelSerializer[Attribute]):
    """An attribute; ``code`` stands for it in addresses (``?material=oak``)."""

    class Meta:
        model = Attribute
        fields = ["code", "name", "kind", "unit", "filterable", "position"]
        extra_kwargs = {name: {"required": False} for name in ("kind", "unit", "filterable", "position")}


class ProductsQuery(serializers.Serializer[Any]):
    """Filters of the list; an empty one is as good as none.

    Besides these: ``vendor``, ``tag``, and the code of each option and attribute (see ``facets``), repeated
    for one of several values; number attributes also ``<code>_min`` and ``<code>_max``.
    """

    search = serializers.CharField(
        required=False, max_length=100, help_text="Words, one of which may be mistyped; or a SKU or barcode."
    )
    category = serializers.SlugField(required=False, max_length=80)
    price_min = serializers.DecimalField(required=False, max_digits=16, decimal_places=3, max_value=MAX)
    price_max = serializers.DecimalField(required=False, max_digits=16, decimal_places=3, max_value=MAX)
    in_stock = serializers.BooleanField(required=False)
    ordering = serializers.ChoiceField(required=False, choices=list(listing.ORDERINGS))
    cursor = serializers.CharField(required=False)
    vendor = serializers.CharField(required=False, max_length=120)
    tag = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=CursorPagination.max_page_size)


class PictureIn(serializers.Serializer[Any]):
    """A picture: a ``file`` (multipart), or the ``address`` of one that is fetched later."""

    file = serializers.FileField(required=False, max_length=200)
    address = serializers.URLField(required=False, max_length=2000)
    alt = serializers.CharField(max_length=300, allow_blank=True, default="")

    def validate(self, attrs: Any) -> Any:
        if ("file" in attrs) == ("address" in attrs):
            raise serializers.ValidationError({"file": ["Either a file or an address."]})
        if not attrs.get("address", "http").startswith("http"):
            raise serializers.ValidationError({"address": ["Of http or https."]})
        return attrs


class PictureOrderIn(serializers.Serializer[Any]):
    """Ids of all pictures of the product, in order."""

    order = serializers.ListField(child=serializers.IntegerField(min_value=1), max_length=200)


class PictureStateOut(ProductPictureOut):
    """A picture as staff see it: waiting for its file, ready, or failed with an ``error``."""

    address = serializers.CharField()
    state = serializers.ChoiceField(choices=Image.State.values)
    error = serializers.CharField()


class ReviewIn(serializers.Serializer[Any]):
    """A review. ``author`` is the name to be shown with it."""

    author = serializers.CharField(max_length=80)
    rating = serializers.IntegerField(min_value=1, max_value=5)
    title = serializers.CharField(max_length=120, allow_blank=True, default="")
    text = serializers.CharField(max_length=5000, allow_blank=True, default="")


class ReviewOut(ReviewIn):
    """A review; ``verified`` says whether its author bought the product, null while that is not known."""

    id = serializers.IntegerField()
    verified = serializers.BooleanField(allow_null=True)
    created_at = serializers.DateTimeField()


class ModeratedReviewOut(ReviewOut):
    """A review as staff see it; ``product`` is the product's id in the admin."""

    product = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Review.State.values)


class ModerationIn(serializers.Serializer[Any]):
    """What staff decide."""

    state = serializers.ChoiceField(choices=[Review.State.APPROVED.value, Review.State.REFUSED.value])
