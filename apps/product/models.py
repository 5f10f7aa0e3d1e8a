"""Categories, products and their variants; what inventory says is available of each SKU."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from shop.fields import SKU_PATTERN, AmountField, CurrencyField, SkuField


class Category(models.Model):
    """A shelf of the catalogue. A category shows its own products and those of the categories below it."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "categories"
        constraints = [
            models.CheckConstraint(condition=~Q(parent=models.F("id")), name="category_not_its_own_parent"),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What a customer looks at; what is bought is one of its variants.

    The variant at position 0 stands for it in lists: its SKU, its price. A draft (not published)
    is shown to staff only and has no price for other roles; one with ``publish_at`` is scheduled.

    The database keeps what is derived: ``search`` is generated from the words, ``facets`` follows the
    variants' options and the attributes' values by triggers ("colour=blue"), whoever writes them.
    """

    slug = models.SlugField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, db_default="")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    vendor = models.CharField(max_length=120, blank=True, db_default="")
    kind = models.CharField(max_length=120, blank=True, db_default="")  # what a merchant calls its type
    tags = ArrayField(models.CharField(max_length=60), blank=True, default=list, db_default=[])
    option_names = ArrayField(  # in the order in which a customer chooses
        models.CharField(max_length=40), blank=True, default=list, db_default=[]
    )
    published = models.BooleanField(db_default=False)
    publish_at = models.DateTimeField(null=True, blank=True)
    seo_title = models.CharField(max_length=200, blank=True, db_default="")
    seo_description = models.CharField(max_length=500, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)
    rating_sum = models.PositiveIntegerField(db_default=0, editable=False)  # of the approved reviews
    rating_count = models.PositiveIntegerField(db_default=0, editable=False)
    facets = ArrayField(models.TextField(), default=list, db_default=[], editable=False)
    search = models.GeneratedField(
        expression=models.Func("name", "vendor", "kind", "tags", "description", function="product_search_vector"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rating_sum__gte=models.F("rating_count")) & Q(rating_sum__lte=models.F("rating_count") * 5),
                name="product_rating_from_1_to_5",
            ),
        ]
        indexes = [
            GinIndex(fields=["search"], name="product_by_words"),
            GinIndex(fields=["facets"], name="product_by_facets"),
            GinIndex(fields=["tags"], name="product_by_tags"),
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="product_name_trigrams"),
            models.Index(fields=["name", "id"], condition=Q(published=True), name="product_by_name"),
            models.Index(fields=["category", "id"], condition=Q(published=True), name="product_by_category"),
            models.Index(fields=["vendor", "id"], condition=Q(published=True), name="product_by_vendor"),
            models.Index(
                fields=["publish_at"], condition=Q(published=False, publish_at__isnull=False), name="product_scheduled"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Image(models.Model):
    """A picture of a product: an address to be fetched from, or an upload (``address`` empty).

    waiting -> ready, with ``digest`` (SHA-256 of the file kept, in hex) and its size in pixels; or
    -> failed after the last attempt, with ``error``. The bytes are in Django's default storage under the digest.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        FAILED = "failed"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField(db_default=0)
    alt = models.CharField(max_length=300, blank=True, db_default="")
    address = models.CharField(max_length=2000, blank=True, db_default="")
    state = models.CharField(max_length=8, choices=State, db_default=State.WAITING)
    error = models.CharField(max_length=200, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(db_default=Now())
    digest = models.CharField(max_length=64, blank=True, db_default="")
    width = models.PositiveIntegerField(db_default=0)
    height = models.PositiveIntegerField(db_default=0)

    class Meta:
        ordering = ["product", "position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="ready", digest__regex="^[0-9a-f]{64}$", width__gt=0, height__gt=0)
                | (~Q(state="ready") & Q(digest="")),
                name="image_ready_has_a_file",
            ),
        ]
        indexes = [
            models.Index(fields=["product", "position", "id"], name="image_of_product"),
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="image_due"),
            models.Index(fields=["digest"], condition=Q(state="ready"), name="image_by_digest"),
        ]

    def __str__(self) -> str:
        return self.alt or self.address or f"picture {self.position + 1}"


class Variant(models.Model):
    """One SKU: a product in one choice of its ``options``, with a price of its own.

    Invariants, held by the database: a SKU is one path segment and names one variant; positions
    within a product differ (at commit, so that they can be exchanged); no price is negative.
    """

    sku = SkuField(unique=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField(db_default=0)
    options = models.JSONField(default=dict, blank=True)  # {"Colour": "blue", "Size": "M"}
    price = AmountField()
    compare_at_price = AmountField(null=True, blank=True)  # shown crossed out where it is above the price
    currency = CurrencyField()
    barcode = models.CharField(max_length=64, blank=True, db_default="")
    image = models.ForeignKey(Image, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    tax_class = models.CharField(max_length=32, db_default="standard")
    weight_g = models.PositiveIntegerField(db_default=0)

    class Meta:
        ordering = ["product", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "position"], deferrable=models.Deferrable.DEFERRED, name="variant_position_once"
            ),
            models.CheckConstraint(condition=Q(sku__regex=rf"^{SKU_PATTERN}$"), name="variant_sku_is_a_segment"),
            models.CheckConstraint(condition=Q(price__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(condition=Q(compare_at_price__gte=0), name="variant_compare_at_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="variant_currency_is_a_code"),
        ]
        indexes = [
            models.Index(fields=["price", "product"], condition=Q(position=0), name="product_by_price"),
            models.Index(fields=["barcode"], condition=~Q(barcode=""), name="variant_by_barcode"),
        ]

    def __str__(self) -> str:
        return str(self.sku)


class Attribute(models.Model):
    """A property that products are described and, if ``filterable``, found by; its values have one ``kind``.

    ``code`` names it in addresses (``?material=oak``) and does not change.
    """

    class Kind(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        BOOLEAN = "boolean"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind, db_default=Kind.TEXT)
    unit = models.CharField(max_length=16, blank=True, db_default="")
    filterable = models.BooleanField(db_default=True)
    position = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        ordering = ["position", "name", "id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


class AttributeValue(models.Model):
    """A product's value of an attribute: ``number`` of a number, else ``text`` (a boolean's is true or false)."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="attribute_values")
    attribute = models.ForeignKey(Attribute, on_delete=models.PROTECT, related_name="values")
    text = models.CharField(max_length=200, blank=True, db_default="")
    number = models.DecimalField(max_digits=16, decimal_places=4, null=True, blank=True)

    class Meta:
        ordering = ["product", "attribute"]
        constraints = [
            models.UniqueConstraint(fields=["product", "attribute"], name="attribute_value_once"),
            models.CheckConstraint(
                condition=Q(text="", number__isnull=False) | (~Q(text="") & Q(number__isnull=True)),
                name="attribute_value_is_one_thing",
            ),
        ]
        indexes = [
            models.Index(
                fields=["attribute", "number", "product"],
                condition=Q(number__isnull=False),
                name="attribute_value_by_number",
            ),
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """The value as facets and addresses spell it."""
        return self.text if self.number is None else plain(self.number)


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class OptionName(models.Model):
    """A name that some product's options have had, and the code that stands for it in addresses."""

    code = models.CharField(max_length=60, primary_key=True)
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Word(models.Model):
    """A word that some product has had; ``named`` ones, not only in a description, mistyped searches may have meant.

    ``stem`` is what ``Product.search`` holds of it. ``misspelt`` holds the word and what is left of
    it without any one letter: two words one insertion, omission, replacement or exchange of
    neighbours apart share one of these.
    """

    word = models.TextField(primary_key=True, db_collation="C")
    stem = models.TextField(db_collation="C")
    named = models.BooleanField(db_default=True)
    misspelt = models.GeneratedField(
        expression=models.Func("word", function="product_misspellings"),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
    )

    class Meta:
        ordering = ["word"]
        indexes = [
            models.Index(fields=["stem"], name="word_by_stem"),
            GinIndex(fields=["misspelt"], condition=Q(named=True), name="word_by_misspelling"),
        ]

    def __str__(self) -> str:
        return self.word


class Related(models.Model):
    """``other`` is shown beside ``product``, in order of ``position``."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="related")
    other = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        ordering = ["product", "position", "id"]
        verbose_name_plural = "related"
        constraints = [
            models.UniqueConstraint(fields=["product", "other"], name="related_once"),
            models.CheckConstraint(condition=~Q(product=models.F("other")), name="related_to_another"),
        ]

    def __str__(self) -> str:
        return str(self.other)


class Review(models.Model):
    """What a customer thinks of a product; at most one each. Shown once staff have approved it.

    ``author`` is the name as the customer gave it for this purpose. ``verified`` says whether role
    order knows that they bought the product; null until it has answered.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REFUSED = "refused"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    account_id = models.UUIDField()
    author = models.CharField(max_length=80)
    rating = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=120, blank=True, db_default="")
    text = models.TextField(blank=True, db_default="")
    state = models.CharField(max_length=8, choices=State, db_default=State.PENDING)
    verified = models.BooleanField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["product", "account_id"], name="review_once"),
            models.CheckConstraint(condition=Q(rating__gte=1, rating__lte=5), name="review_rating_from_1_to_5"),
        ]
        indexes = [
            models.Index(fields=["product", "-id"], condition=Q(state="approved"), name="review_approved"),
            models.Index(fields=["id"], condition=Q(state="pending"), name="review_pending"),
            models.Index(fields=["id"], condition=Q(verified__isnull=True), name="review_unverified"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} of 5 by {self.author}"


class StockOpening(models.Model):
    """Opening stock of a SKU that inventory is to be told of once; ``batch`` is one import."""

    batch = models.UUIDField()
    sku = SkuField()
    quantity = models.PositiveIntegerField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["batch", "sku"], name="stock_opening_once")]
        indexes = [
            models.Index(fields=["batch", "sku"], condition=Q(sent_at__isnull=True), name="stock_opening_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.sku}: {self.quantity}"


class Level(models.Model):
    """Units of one SKU that inventory would still promise, as of its event ``sequence``.

    A projection: only newer events change it, and it may come before its variant or outlive it.
    """

    sku = SkuField(primary_key=True, db_collation="C")  # the audit merges by code point
    available = models.PositiveIntegerField()
    sequence = models.BigIntegerField()

    class Meta:
        ordering = ["sku"]

    def __str__(self) -> str:
        return f"{self.sku}: {self.available}"


class Revision(models.Model):
    """Counts the changes of what the catalogue shows; the ETag of its answers.

    At most one row. Every transaction that changes the catalogue raises ``number`` as its last
    statement, so that the row is locked briefly; ``products`` follows ``number`` where more than
    stock has changed. ``epoch`` differs between databases, so that a tag of one is never mistaken
    for a tag of another.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, db_default=1)
    epoch = models.UUIDField(db_default=RandomUUID())
    number = models.BigIntegerField(db_default=1)
    products = models.BigIntegerField(db_default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="revision_one_row")]

    def __str__(self) -> str:
        return f"{self.epoch.hex[:8]}-{self.number}"
