"""Carts in the admin: a window. Their lines are the customers' to change."""

from django.contrib import admin

from apps.cart.models import Cart, CartLine, Merge
from shop.backoffice.filters import Days
from shop.backoffice.pages import ReadOnlyAdmin, ReadOnlyInline


class LineInline(ReadOnlyInline):
    """The lines of a cart, on its page."""

    model = CartLine
    fields = ["sku", "quantity"]


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    """Carts, the last changed first. A token's hash is nobody's business."""

    list_display = ["touched_at", "id", "customer_id", "created_at"]
    list_filter = [("touched_at", Days)]
    list_filter_submit = True
    fields = ["id", "customer_id", "created_at", "touched_at"]
    search_fields = ["id", "customer_id"]
    search_help_text = "Cart id or customer id"
    ordering = ["-touched_at", "id"]
    inlines = [LineInline]


@admin.register(CartLine)
class CartLineAdmin(ReadOnlyAdmin):
    """The lines of all carts."""

    list_display = ["sku", "quantity", "cart"]
    list_select_related = ["cart"]
    ordering = ["-id"]


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    """Which guest's cart went into which customer's."""

    list_display = ["guest_cart_id", "customer_id", "merged_at"]
    fields = ["guest_cart_id", "customer_id", "notices", "merged_at"]
    search_fields = ["guest_cart_id"]
    search_help_text = "The id of the guest's cart"
    ordering = ["-merged_at", "token_hash"]
