"""The catalogue in the admin. One page edits a product with all that belongs to it, by one command."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.product import (
    admin_bulk,
    admin_export,
    admin_pictures,
    admin_reviews,
    bulk,
    editing,
    pictures,
    services,
    structure,
)
from apps.product.admin_forms import (
    Ordered,
    PictureForm,
    Rows,
    Unclear,
    VariantForm,
    VariantRows,
    attribute_names,
    edit_of,
    form_with,
)
from apps.product.admin_list import ProductList, StateFilter, Summary, found
from apps.product.importing import admin_page
from apps.product.models import (
    Attribute,
    AttributeValue,
    Category,
    Image,
    Level,
    Product,
    Related,
    Review,
    Revision,
    StockOpening,
    Variant,
)
from shop.backoffice import marks
from shop.backoffice.pages import Inline, Page, ReadOnlyAdmin

ATTRIBUTES = 60  # fields of the product's page; a shop with more of them shows the first, and those with a value
STOCK_PANELS = 12  # of a product's page: each is a request of its own
_MOST_ROWS = 1000
_NO_PICTURE = SafeString('<span class="product-thumb product-thumb-none"></span>')


class PictureInline(Inline):
    """A product's pictures, in the order in which the shop shows them. New ones come by ``admin_pictures``."""

    model = Image
    form = PictureForm
    formset = Rows
    fields = ("alt",)
    template = "product/admin/pictures.html"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, can_order=True, max_num=_MOST_ROWS, **kwargs)


class VariantInline(Inline):
    """A product's variants; the first stands for it in lists."""

    model = Variant
    form = VariantForm
    formset = VariantRows
    fields = ("sku", "price", "compare_at_price", "barcode", "weight_g", "tax_class", "picture")
    template = "product/admin/variants.html"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        bounds = {"min_num": 1, "max_num": _MOST_ROWS, "validate_min": True, "validate_max": True}
        return super().get_formset(request, obj, can_order=True, **bounds, **kwargs)


@admin.register(Product)
class ProductAdmin(Page):
    """Products: found by name, SKU or barcode; drafts are shown to staff only."""

    REFUSALS = (
        Unclear,
        editing.Gone,
        editing.Stale,
        services.SlugTaken,
        services.SkuTaken,
        services.UnknownAttribute,
        services.WrongKind,
        pictures.BadPicture,
        pictures.TooMany,
    )

    list_display = ("thumbnail", "title", "first_sku", "price", "available", "state")
    list_display_links = ("title",)
    list_filter = (StateFilter, ("category", AutocompleteSelectFilter))
    list_filter_submit = True
    list_select_related = ("category",)
    search_fields = ("name",)  # see get_search_results
    search_help_text = "A name, a barcode, or the beginning of a SKU"
    ordering = ("-id",)
    autocomplete_fields = ("category",)
    actions = ("change_price", "change_category", "change_publication")
    bounded_actions = actions
    change_form_template = "product/admin/product.html"
    change_form_outer_after_template = "product/admin/reviews.html"
    change_list_template = "product/admin/products.html"
    compressed_fields = False
    warn_unsaved_form = True

    class Media:
        css = {"all": ("product/admin.css",)}
        js = ("product/admin.js",)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("<int:product_id>/pictures", self.admin_site.admin_view(self.upload), name="product_pictures"),
            path("<int:product_id>/reviews", self.admin_site.admin_view(self.reviews), name="product_reviews"),
            path("export", self.admin_site.admin_view(admin_export.download), name="product_export"),
        ]
        return [*own, *admin_page.urls(self.admin_site), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return ProductList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        tools = [{"title": "Export", "icon": "download", "href": reverse("admin:product_export")}]
        if request.user.has_perm(admin_page.PERMISSION):
            tools.insert(0, {"title": "Import", "icon": "upload", "href": reverse("admin:product_import")})
        return super().changelist_view(request, {"tools": tools, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        return found(queryset, search_term), False

    @admin.display(description="Picture")
    def thumbnail(self, product: Product) -> str:
        summary = _summary(product)
        if summary is None or not summary.digest:
            return _NO_PICTURE
        source = admin_pictures.thumbnail(summary.digest)
        return format_html('<img class="product-thumb" src="{}" alt="{}" loading="lazy">', source, summary.alt)

    @admin.display(description="Product")
    def title(self, product: Product) -> str:
        return format_html('<strong>{}</strong><br><span class="desk-quiet">{}</span>', product.name, product.category)

    @admin.display(description="SKU")
    def first_sku(self, product: Product) -> str:
        summary = _summary(product)
        if summary is None:
            return "—"
        more = f" and {summary.variants - 1} more" if summary.variants > 1 else ""
        return format_html('<span class="desk-code">{}</span>{}', summary.sku, more)

    @admin.display(description="Price")
    def price(self, product: Product) -> str:
        summary = _summary(product)
        return summary.price if summary else "—"

    @admin.display(description="Available")
    def available(self, product: Product) -> str:
        summary = _summary(product)
        if summary is None or summary.available is None:
            return marks.tag("not stocked")
        return f"{summary.available:,}" if summary.available else marks.tag("sold out", marks.BAD)

    @admin.display(description="State")
    def state(self, product: Product) -> str:
        tone = marks.GOOD if product.published else marks.BUSY if product.publish_at else marks.QUIET
        return marks.tag(bulk.publication(product.published, product.publish_at), tone)

    def get_form(self, request: HttpRequest, obj: Product | None = None, change: bool = False, **kwargs: Any) -> Any:
        related = Ordered(
            Product.objects.all(),
            required=False,
            label="Shown beside it",
            widget=AutocompleteSelectMultiple(Related._meta.get_field("other"), self.admin_site),
        )
        form = type("ProductForm", (form_with(self._attributes(request, obj)),), {"related": related})
        return super().get_form(request, obj, change=change, form=form, **kwargs)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Product | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ["name"]}

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            shown = ["name", "category", "vendor", "kind", "tags", "state", "description"]
            return [(None, {"fields": shown})]
        attributes = attribute_names(self._attributes(request, obj))
        return [
            (None, {"fields": ["name", "description"] if obj else ["name", "slug", "description"]}),
            ("Publication", {"classes": ["side"], "fields": ["state", "scheduled_for"]}),
            ("Organisation", {"classes": ["side"], "fields": ["category", "vendor", "kind", "tags"]}),
            ("Related products", {"classes": ["side"], "fields": ["related"]}),
            ("Search engines", {"classes": ["after"], "fields": ["seo_title", "seo_description"]}),
            *([("Attributes", {"classes": ["after", "attributes"], "fields": attributes})] if attributes else []),
        ]

    def get_inlines(self, request: HttpRequest, obj: Product | None) -> list[Any]:
        return [PictureInline, VariantInline] if obj else [VariantInline]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        product: Product | None = context.get("original")
        if product:
            stocked = list(product.variants.order_by("position").values_list("sku", flat=True))
            context |= {
                "reviews": admin_reviews.shown(request, product),
                "stocked": stocked if request.user.has_perm("inventory.view_stock") else [],
                "stock_panels": STOCK_PANELS,
                "more_stocked": len(stocked) - STOCK_PANELS,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def history_parts(self, request: HttpRequest, obj: Any) -> dict[type[Model], str]:
        return super().history_parts(request, obj) | {AttributeValue: "product_id", Related: "product_id"}

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Product:
        variants = next(rows for rows in formsets if rows.model is Variant)
        pictures = next((rows for rows in formsets if rows.model is Image), None)
        uploads = admin_pictures.checked(form.cleaned_data["new_pictures"])
        edit = edit_of(form, variants, pictures)
        if form.instance.pk is None:
            product = editing.add_product(edit=edit)
        else:
            seen_at = form.cleaned_data["version"]
            product = editing.save_product(product_id=form.instance.pk, seen_at=seen_at, edit=edit)
        for upload in uploads:
            admin_pictures.put(product.pk, upload)
        return product

    def delete(self, request: HttpRequest, obj: Product) -> None:
        editing.delete_product(product_id=obj.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The products themselves: what belongs to them alone goes with them."""
        return [str(product) for product in objs], {}, set(), []

    def refusal(self, exc: Exception) -> str | dict[str, str]:
        if isinstance(exc, Unclear):
            return exc.texts
        if isinstance(exc, editing.Stale):
            return "Somebody else saved this product after you opened it. Open it again in another tab and compare."
        if isinstance(exc, services.SkuTaken):
            return f"Taken already, by another product or another row: {', '.join(exc.skus)}."
        if isinstance(exc, services.SlugTaken):
            return {"slug": "Another product has this address already."}
        return super().refusal(exc)

    def upload(self, request: HttpRequest, product_id: int) -> HttpResponse:
        return admin_pictures.upload(self, request, product_id)

    def reviews(self, request: HttpRequest, product_id: int) -> HttpResponse:
        return admin_reviews.decide(self, request, product_id)

    @admin.action(description="Change price…", permissions=["change"])
    def change_price(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        return admin_bulk.run(self, request, queryset, admin_bulk.PriceForm)

    @admin.action(description="Change category…", permissions=["change"])
    def change_category(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        return admin_bulk.run(self, request, queryset, admin_bulk.CategoryForm)

    @admin.action(description="Publish, schedule or withdraw…", permissions=["change"])
    def change_publication(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        return admin_bulk.run(self, request, queryset, admin_bulk.PublicationForm)

    def _attributes(self, request: HttpRequest, product: Product | None) -> list[Attribute]:
        """Those the page has fields for: read once a request."""
        if not hasattr(request, "product_attributes"):
            shown = list(Attribute.objects.all()[:ATTRIBUTES])
            ids = {attribute.pk for attribute in shown}
            valued = product.attribute_values.select_related("attribute") if product else []
            more = [value.attribute for value in valued if value.attribute_id not in ids]
            request.product_attributes = shown + more  # type: ignore[attr-defined]
        attributes: list[Attribute] = request.product_attributes  # type: ignore[attr-defined]
        return attributes


def _summary(product: Product) -> Summary | None:
    """What ``ProductList`` has read of a row."""
    summary: Summary | None = getattr(product, "summary", None)
    return summary


@admin.register(Category)
class CategoryAdmin(Page):
    """Categories and where they hang."""

    REFUSALS = (structure.SlugTaken, structure.Loop, structure.InUse)

    list_display = ("name", "parent", "slug")
    list_select_related = ("parent",)
    search_fields = ("name__istartswith", "slug__istartswith")
    ordering = ("name", "id")
    autocomplete_fields = ("parent",)
    fields = ("name", "slug", "parent")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Category | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"slug": ["name"]}

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Category:
        said, parent = form.cleaned_data, form.cleaned_data["parent"]
        return structure.save_category(
            category_id=form.instance.pk, name=said["name"], slug=said["slug"], parent_id=parent.pk if parent else None
        )

    def delete(self, request: HttpRequest, obj: Category) -> None:
        structure.delete_category(category_id=obj.pk)


@admin.register(Attribute)
class AttributeAdmin(Page):
    """What products are described by. Code and kind do not change: addresses and values depend on them."""

    REFUSALS = (structure.SlugTaken, structure.InUse)

    list_display = ("name", "code", "kind", "unit", "filterable", "position")
    search_fields = ("name__istartswith", "code__istartswith")
    ordering = ("position", "name", "id")
    fields = ("name", "code", "kind", "unit", "filterable", "position")

    def get_prepopulated_fields(self, request: HttpRequest, obj: Attribute | None = None) -> dict[str, Sequence[str]]:
        return {} if obj else {"code": ["name"]}

    def get_readonly_fields(self, request: HttpRequest, obj: Attribute | None = None) -> list[str]:
        return ["code", "kind"] if obj else []

    def save(self, request: HttpRequest, form: Any, formsets: Any) -> Attribute:
        return structure.save_attribute(attribute_id=form.instance.pk, **form.cleaned_data)

    def delete(self, request: HttpRequest, obj: Attribute) -> None:
        structure.delete_attribute(attribute_id=obj.pk)


_TONES = {
    Review.State.PENDING: marks.BUSY,
    Review.State.APPROVED: marks.GOOD,
    Review.State.REFUSED: marks.BAD,
}


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Reviews to approve or refuse, those that wait first."""

    list_display = ("rating_stars", "product", "title", "author", "bought", "shown_state", "created_at")
    list_display_links = ("title",)
    list_filter = ("state",)
    list_select_related = ("product",)
    search_fields = ("product__name__istartswith", "author__istartswith")
    ordering = ("-id",)
    fields = ("product", "rating", "title", "text", "author", "verified", "state", "created_at")
    actions = ("approve", "refuse")

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("product.moderate_review")

    @admin.action(description="Approve", permissions=["moderate"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        admin_reviews.decide_all(self, request, queryset, approve=True)

    @admin.action(description="Refuse", permissions=["moderate"])
    def refuse(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        admin_reviews.decide_all(self, request, queryset, approve=False)

    @admin.display(description="Rating")
    def rating_stars(self, review: Review) -> str:
        return format_html('<span aria-hidden="true">{}</span> {}', "★" * review.rating, review.rating)

    @admin.display(description="Bought it", boolean=True)
    def bought(self, review: Review) -> bool | None:
        return review.verified

    @admin.display(description="State")
    def shown_state(self, review: Review) -> str:
        return marks.tag(Review.State(review.state).label.lower(), _TONES[Review.State(review.state)])


@admin.register(Level)
class LevelAdmin(ReadOnlyAdmin):
    """What inventory last said of each SKU."""

    list_display = ("sku", "available", "sequence")
    search_fields = ("sku__startswith",)
    ordering = ("sku",)


@admin.register(StockOpening)
class StockOpeningAdmin(ReadOnlyAdmin):
    """Opening stock on its way to inventory."""

    list_display = ("sku", "quantity", "sent_at", "batch")
    ordering = ("-id",)


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    """The number behind the catalogue's ETags."""

    list_display = ("epoch", "number")
