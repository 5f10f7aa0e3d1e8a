"""Carts in the admin: a window. Their lines are the customers' to change."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.cart.models import Cart, CartLine, Merge


class Window(admin.options.BaseModelAdmin[Any]):
    """Rows that only the program writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(Window, admin.TabularInline[CartLine, Cart]):
    """The lines of a cart, on its page."""

    model = CartLine
    fields = ["sku", "quantity"]


@admin.register(Cart)
class CartAdmin(Window, admin.ModelAdmin[Cart]):
    """Carts, the last changed first. A token's hash is nobody's business."""

    list_display = ["id", "customer_id", "touched_at", "created_at"]
    fields = ["id", "customer_id", "created_at", "touched_at"]
    search_fields = ["id__exact", "customer_id__exact"]
    ordering = ["-touched_at", "id"]
    show_full_result_count = False
    inlines = [LineInline]


@admin.register(CartLine)
class CartLineAdmin(Window, admin.ModelAdmin[CartLine]):
    """In whose carts a SKU is."""

    list_display = ["sku", "quantity", "cart"]
    list_select_related = ["cart"]
    search_fields = ["sku__exact"]
    ordering = ["-id"]
    show_full_result_count = False


@admin.register(Merge)
class MergeAdmin(Window, admin.ModelAdmin[Merge]):
    """Which guest's cart went into which customer's."""

    list_display = ["guest_cart_id", "customer_id", "merged_at"]
    fields = ["guest_cart_id", "customer_id", "notices", "merged_at"]
    search_fields = ["guest_cart_id__exact", "customer_id__exact"]
    ordering = ["-merged_at", "token_hash"]
    show_full_result_count = False
