"""Carts, their lines, and the carts that were merged into others."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from shop.fields import SkuField

MOST_UNITS = 999  # of one SKU in one cart
MOST_LINES = 50  # different SKUs; those of two carts that are merged are still one question to inventory (100)


class Cart(models.Model):
    """What one customer, or the holder of one token, means to buy. It promises nothing.

    Invariants, held by the database: it has a customer or a token, never both; a customer has at
    most one. Only the SHA-256 of a token is kept. Whoever changes lines locks the cart's row first.
    """

    id = models.UUIDField(primary_key=True)
    customer_id = models.UUIDField(null=True, unique=True)
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())  # last change of a line

    class Meta:
        ordering = ["-touched_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(customer_id__isnull=True) ^ Q(token_hash__isnull=True), name="cart_one_owner"
            ),
        ]
        indexes = [
            models.Index(fields=["touched_at"], condition=Q(customer_id__isnull=True), name="cart_of_guest_by_age"),
            models.Index(fields=["-touched_at", "id"], name="cart_newest"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class CartLine(models.Model):
    """Units of one SKU in a cart. Invariants, held by the database: a SKU once per cart, 1 to 999 units."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines", db_index=False)
    sku = SkuField()
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["cart", "sku"], name="cart_line_once"),
            models.CheckConstraint(condition=Q(quantity__range=(1, MOST_UNITS)), name="cart_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class Merge(models.Model):
    """A guest's cart went into a customer's; its token is dead.

    Kept so that a repeat gets the same answer, and so that an order quoted from the guest's cart
    still empties the cart its lines are in now.
    """

    token_hash = models.CharField(max_length=64, primary_key=True)
    guest_cart_id = models.UUIDField(unique=True)
    customer_id = models.UUIDField()
    notices = models.JSONField(default=list)
    merged_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-merged_at", "token_hash"]
        indexes = [models.Index(fields=["merged_at"], name="merge_by_age")]

    def __str__(self) -> str:
        return str(self.guest_cart_id)
