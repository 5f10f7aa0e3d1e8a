"""The catalogue in the admin. Levels are inventory's: a window only."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from apps.product import services
from apps.product.models import Category, Level, Product, Revision, Variant
from shop.backoffice.pages import Bounded, Inline, ReadOnlyAdmin


class CatalogueAdmin(Bounded):
    """A page whose changes show in the catalogue at once: its answers get a new ETag."""

    def save_related(self, request: Any, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        services.catalogue_changed()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        services.catalogue_changed()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        services.catalogue_changed()


@admin.register(Category)
class CategoryAdmin(CatalogueAdmin):
    """Categories and where they hang."""

    list_display = ["name", "slug", "parent"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    raw_id_fields = ["parent"]
    prepopulated_fields = {"slug": ["name"]}


class VariantFormSet(BaseInlineFormSet[Any, Any, Any]):
    """A product keeps the variant at position 0, which stands for it in lists."""

    def clean(self) -> None:
        super().clean()
        kept = [f.cleaned_data for f in self.forms if f.cleaned_data and not f.cleaned_data.get("DELETE")]
        if not any(row.get("position") == 0 for row in kept):
            raise ValidationError("One variant must be at position 0: lists show it.")


class VariantInline(Inline):
    """The variants of a product, on its page."""

    model = Variant
    formset = VariantFormSet
    extra = 0
    min_num = 1
    fields = ["sku", "position", "options", "price", "currency", "tax_class", "weight_g"]


@admin.register(Product)
class ProductAdmin(CatalogueAdmin):
    """Products with their variants; drafts are shown to staff only."""

    list_display = ["name", "category", "published", "created_at"]
    list_filter = ["published"]
    list_select_related = ["category"]
    search_fields = ["name", "variants__sku"]
    ordering = ["-id"]
    raw_id_fields = ["category"]
    readonly_fields = ["created_at"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [VariantInline]
    actions = ["publish", "withdraw"]

    @admin.action(description="Publish", permissions=["change"])
    def publish(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        _set_published(queryset, published=True)

    @admin.action(description="Withdraw from the catalogue", permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        _set_published(queryset, published=False)


def _set_published(queryset: QuerySet[Product], *, published: bool) -> None:
    for sku in Variant.objects.filter(product__in=queryset, position=0).values_list("sku", flat=True):
        services.change_product(sku=sku, published=published)


@admin.register(Variant)
class VariantAdmin(CatalogueAdmin):
    """Variants of all products, to find one by SKU; they are added on their product's page."""

    list_display = ["sku", "product", "price", "currency", "tax_class", "weight_g"]
    list_select_related = ["product"]
    search_fields = ["sku", "product__name"]
    ordering = ["sku"]
    raw_id_fields = ["product"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Level)
class LevelAdmin(ReadOnlyAdmin):
    """What inventory last said of each SKU."""

    list_display = ["sku", "available", "sequence"]
    search_fields = ["sku"]
    ordering = ["sku"]


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    """The number behind the catalogue's ETags."""

    list_display = ["epoch", "number"]
