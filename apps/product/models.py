"""Categories, products and their variants; what inventory says is available of each SKU."""

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
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
    is shown to staff only and has no price for other roles.
    """

    slug = models.SlugField(max_length=200, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, db_default="")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    published = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="product_name_trigrams"),
            models.Index(fields=["name", "id"], condition=Q(published=True), name="product_by_name"),
            models.Index(fields=["category", "id"], condition=Q(published=True), name="product_by_category"),
        ]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One SKU: a product in one choice of its ``options``, with a price of its own.

    Invariants, held by the database: a SKU is one path segment and names one variant; positions
    within a product differ; no price is negative.
    """

    sku = SkuField(unique=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField(db_default=0)
    options = models.JSONField(default=dict, blank=True)  # {"Colour": "blue", "Size": "M"}
    price = AmountField()
    currency = CurrencyField()
    tax_class = models.CharField(max_length=32, db_default="standard")
    weight_g = models.PositiveIntegerField(db_default=0)

    class Meta:
        ordering = ["product", "position"]
        constraints = [
            models.UniqueConstraint(fields=["product", "position"], name="variant_position_once"),
            models.CheckConstraint(condition=Q(sku__regex=rf"^{SKU_PATTERN}$"), name="variant_sku_is_a_segment"),
            models.CheckConstraint(condition=Q(price__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="variant_currency_is_a_code"),
        ]
        indexes = [
            models.Index(fields=["price", "product"], condition=Q(position=0), name="product_by_price"),
        ]

    def __str__(self) -> str:
        return str(self.sku)


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
    statement, so that the row is locked briefly. ``epoch`` differs between databases, so that a tag
    of one is never mistaken for a tag of another.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, db_default=1)
    epoch = models.UUIDField(db_default=RandomUUID())
    number = models.BigIntegerField(db_default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="revision_one_row")]

    def __str__(self) -> str:
        return f"{self.epoch.hex[:8]}-{self.number}"
