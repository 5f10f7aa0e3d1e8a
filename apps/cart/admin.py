"""Carts in the admin: a window. Their lines are the customers' to change."""

from django.contrib import admin

from apps.cart.models import Cart, CartLine, Merge
from shop.backoffice.pages import ReadOnlyAdmin, ReadOnlyInline


class LineInline(ReadOnlyInline):
    """The lines of a cart, on its page."""

    model = CartLine
    fields = ["sku", "quantity"]


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    """Carts, the last changed first. A token's hash is nobody's business."""

    list_display = ["id", "customer_id", "touched_at", "created_at"]
    fields = ["id", "customer_id", "created_at", "touched_at"]
    search_fields = ["id__exact", "customer_id__exact"]
    ordering = ["-touched_at", "id"]
    inlines = [LineInline]


@admin.register(CartLine)
class CartLineAdmin(ReadOnlyAdmin):
    """In whose carts a SKU is."""

    list_display = ["sku", "quantity", "cart"]
    list_select_related = ["cart"]
    search_fields = ["sku__exact"]
    ordering = ["-id"]


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    """Which guest's cart went into which customer's."""

    list_display = ["guest_cart_id", "customer_id", "merged_at"]
    fields = ["guest_cart_id", "customer_id", "notices", "merged_at"]
    search_fields = ["guest_cart_id__exact", "customer_id__exact"]
    ordering = ["-merged_at", "token_hash"]
