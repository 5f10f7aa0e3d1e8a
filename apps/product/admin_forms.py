"""The forms of a product's page, and how what they say becomes one ``editing.Edit``."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.text import slugify
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.product.drafts import ProductDraft, VariantDraft
from apps.product.editing import Edit
from apps.product.models import Attribute, Image, Level, Product, Variant
from shop.backoffice.pages import rows_of
from shop.env import env
from shop.fields import SKU_PATTERN
from shop.money import Money

OPTIONS = 3  # columns of a product's options, at least
LONGEST_OPTION = 40  # characters of an option's name
_TAGS = 60
_LONGEST_TAG = 60

DRAFT, PUBLISHED, SCHEDULED = "draft", "published", "scheduled"
STATES = ((DRAFT, "Draft"), (PUBLISHED, "Published"), (SCHEDULED, "Scheduled"))


class Unclear(Exception):
    """What the page says makes no sense together; ``texts`` are what to say of which field."""

    def __init__(self, **texts: str) -> None:
        super().__init__(" ".join(texts.values()))
        self.texts = texts


class TagsField(forms.CharField):
    """Words with commas between them; a list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        words = [" ".join(word.split()) for word in (super().to_python(value) or "").split(",")]
        tags = list(dict.fromkeys(word for word in words if word))
        if len(tags) > _TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
            raise ValidationError(f"At most {_TAGS} tags, of at most {_LONGEST_TAG} characters each.")
        return tags

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class VersionField(forms.CharField):
    """When the product had been changed last as this page was made: an ISO 8601 time with its microseconds."""

    widget = forms.HiddenInput
    default_error_messages = {"required": "This page is not complete: open it again."}

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    def to_python(self, value: Any) -> Any:
        if not value:
            return None
        try:
            found = parse_datetime(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise ValidationError(self.error_messages["required"])
        return found


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True
    template_name = "django/forms/widgets/file.html"


class PicturesField(forms.FileField):
    """Any number of files."""

    widget = _Files

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(PicturesField, self).clean(each, initial) for each in data or []]


class ProductForm(forms.ModelForm[Product]):
    """A product's own fields. Subclasses made by ``form_with`` have one more for each attribute."""

    attributes: Sequence[Attribute] = ()

    slug = forms.SlugField(
        max_length=200,
        required=False,
        label="Address",
        help_text="The last part of its address in the shop; it does not change later.",
        widget=UnfoldAdminTextInputWidget,
    )
    tags = TagsField(required=False, help_text="Separated by commas", widget=UnfoldAdminTextInputWidget)
    state = forms.ChoiceField(choices=STATES, initial=DRAFT, widget=UnfoldAdminRadioSelectWidget)
    scheduled_for = forms.DateTimeField(
        required=False,
        label="Publish at",
        help_text="UTC",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
    )
    version = VersionField(required=False)
    new_pictures = PicturesField(required=False, label="Add pictures")

    class Meta:
        model = Product
        fields = ("name", "slug", "description", "category", "vendor", "kind", "seo_title", "seo_description")
        labels = {"kind": "Type", "seo_title": "Title", "seo_description": "Description"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        product = self.instance
        self.option_names = option_names(product)
        if "description" in self.fields:
            self.fields["description"].widget.attrs["rows"] = 5
        for index in range(option_columns(self.option_names)):
            self.fields[f"option_{index}"] = _option_name(index, self.option_names)
        if product.pk:
            del self.fields["slug"]
            self.fields["version"].required = True
            self._show(product)

    def clean_slug(self) -> str:
        return self.cleaned_data["slug"] or slugify(self.cleaned_data.get("name", ""))[:200] or "product"

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if asked.get("state") == SCHEDULED and not asked.get("scheduled_for"):
            self.add_error("scheduled_for", "Say when.")
        return asked

    def option_fields(self) -> list[forms.BoundField]:
        """The fields that name the options, for the template."""
        return [self[f"option_{index}"] for index in range(option_columns(self.option_names))]

    def options(self) -> list[str]:
        """The names of the options, by column; an empty one where there is none."""
        columns = range(option_columns(self.option_names))
        return [" ".join(self.cleaned_data[f"option_{index}"].split()) for index in columns]

    def values(self) -> dict[str, str | Decimal | bool]:
        """What is said of each attribute, typed, by code."""
        given = {attribute.code: self.cleaned_data.get(_name(attribute)) for attribute in self.attributes}
        return {code: value for code, value in given.items() if value not in (None, "")}

    def publication(self) -> tuple[bool, datetime | None]:
        """Whether published, and when it will be. Minutes are typed: the seconds of before are kept."""
        state, typed, before = self.cleaned_data["state"], self.cleaned_data.get("scheduled_for"), self._publish_at
        if state == SCHEDULED:
            return False, before if before and typed == before.replace(second=0, microsecond=0) else typed
        return state == PUBLISHED, before if state == PUBLISHED and self._published else None

    def _show(self, product: Product) -> None:
        self._published, self._publish_at = product.published, product.publish_at
        state = PUBLISHED if product.published else SCHEDULED if product.publish_at else DRAFT
        at = product.publish_at and product.publish_at.strftime("%Y-%m-%dT%H:%M")
        related = [related.other_id for related in product.related.all()]
        self.initial.update(version=product.changed_at, state=state, scheduled_for=at, related=related)
        for value in product.attribute_values.all():
            self.initial[f"attribute_{value.attribute_id}"] = value.shown

    _published: bool = False
    _publish_at: datetime | None = None


def form_with(attributes: Sequence[Attribute]) -> type[ProductForm]:
    """``ProductForm`` with a typed field for each attribute."""
    own = {_name(attribute): _attribute_field(attribute) for attribute in attributes}
    return type("ProductForm", (ProductForm,), {**own, "attributes": attributes})


def attribute_names(attributes: Sequence[Attribute]) -> list[str]:
    """The names of these fields."""
    return [_name(attribute) for attribute in attributes]


def _name(attribute: Attribute) -> str:
    return f"attribute_{attribute.pk}"


def _attribute_field(attribute: Attribute) -> forms.Field:
    label: dict[str, Any] = {"label": str(attribute), "required": False}
    if attribute.kind == Attribute.Kind.NUMBER:
        return forms.DecimalField(max_digits=16, decimal_places=4, widget=UnfoldAdminDecimalFieldWidget, **label)
    if attribute.kind == Attribute.Kind.BOOLEAN:
        choices = (("", "Not said"), ("true", "Yes"), ("false", "No"))
        return forms.TypedChoiceField(
            choices=choices, coerce=lambda text: text == "true", empty_value="", widget=UnfoldAdminSelectWidget, **label
        )
    return forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, **label)


def option_names(product: Product) -> list[str]:
    """The names of a product's options in order, those included that only its variants know."""
    if not product.pk:
        return []
    if not hasattr(product, "shown_option_names"):
        options = product.variants.order_by("position").values_list("options", flat=True)
        known = [name for each in options for name in each]
        product.shown_option_names = list(dict.fromkeys([*product.option_names, *known]))  # type: ignore[attr-defined]
    names: list[str] = product.shown_option_names  # type: ignore[attr-defined]
    return names


def option_columns(names: Sequence[str]) -> int:
    """How many columns of options the page has."""
    return max(OPTIONS, len(names))


def _option_name(index: int, names: Sequence[str]) -> forms.CharField:
    initial = names[index] if index < len(names) else ""
    return forms.CharField(
        max_length=LONGEST_OPTION,
        required=False,
        initial=initial,
        label=f"Option {index + 1}",
        widget=UnfoldAdminTextInputWidget({"placeholder": "Colour, Size …" if not index else ""}),
    )


class Rows(forms.BaseInlineFormSet[Any, Any, Any]):
    """Rows of a product that cost no query each: neither their keys nor unique columns are looked up by row.

    The database refuses what is not unique; the page's command says it.
    """

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["id"] = forms.IntegerField(
            required=False, initial=form.fields["id"].initial, widget=forms.HiddenInput
        )
        form.fields["ORDER"].widget = forms.HiddenInput({"data-order": ""})

    def in_order(self) -> list[Any]:
        """The forms as the page shows them: also once it was refused, in the order that was chosen."""
        return sorted(self.forms, key=_place)

    def rows(self) -> list[dict[str, Any]]:
        """What there should be, in order; a row that no script has numbered comes last."""
        return sorted(rows_of(self), key=lambda row: row.get("ORDER") or 10_000)


def _place(form: Any) -> int:
    chosen = str(form["ORDER"].value() if "ORDER" in form.fields else "")
    return int(chosen) if chosen.isascii() and chosen.isdigit() else 10_000


class VariantRows(Rows):
    """The variants of a product."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = option_names(self.instance)
        self.pictures = list(self.instance.images.all()) if self.instance.pk else []
        self.levels = _levels(self.instance) if self.instance.pk else {}

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        own = {"names": self.names, "pictures": self.pictures, "levels": self.levels}
        return {**super().get_form_kwargs(index), **own}


def _levels(product: Product) -> dict[str, int]:
    skus = product.variants.values("sku")
    return dict(Level.objects.filter(sku__in=skus).values_list("sku", "available"))


class _Row(forms.ModelForm[Any]):
    def _get_validation_exclusions(self) -> set[str]:
        """All columns: their fields have looked at them, and the database has the last word. See Rows."""
        return {column.name for column in self._meta.model._meta.fields}


class VariantForm(_Row):
    """One variant. Its options are columns, named by the product's own form."""

    sku = forms.CharField(
        max_length=64,
        label="SKU",
        validators=[RegexValidator(rf"^{SKU_PATTERN}\Z", "Letters, digits, '.', '_' and '-' only.")],
        widget=UnfoldAdminTextInputWidget,
    )
    picture = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Variant
        fields = ("sku", "price", "compare_at_price", "barcode", "weight_g", "tax_class")
        labels = {"compare_at_price": "Compare-at price", "weight_g": "Weight"}

    def __init__(
        self,
        *args: Any,
        names: Sequence[str],
        pictures: Sequence[Image],
        levels: Mapping[str, int],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        variant = self.instance
        self.currency = variant.currency or env.currency
        self.available = levels.get(variant.sku)
        self.columns = option_columns(names)
        if variant.pk is None:
            self.initial.update(weight_g=0, tax_class="standard")
        for name in ("price", "compare_at_price"):
            if self.initial.get(name) is not None:
                self.initial[name] = Money(self.initial[name], self.currency).amount
        for index in range(self.columns):
            value = variant.options.get(names[index], "") if index < len(names) else ""
            self.fields[f"value_{index}"] = forms.CharField(
                max_length=255,
                required=False,
                initial=value,
                label=names[index] if index < len(names) else "",
                widget=UnfoldAdminTextInputWidget,
            )
        if "picture" in self.fields:
            choices = [
                (picture.pk, f"{place}. {picture.alt}".rstrip(". ")) for place, picture in enumerate(pictures, 1)
            ]
            self.fields["picture"].choices = [("", "None"), *choices]  # type: ignore[attr-defined]
            self.initial["picture"] = variant.image_id

    def value_fields(self) -> list[forms.BoundField]:
        """The fields of the options' values, for the template."""
        return [self[f"value_{index}"] for index in range(self.columns)]

    def clean_price(self) -> Decimal:
        return self._amount("price")

    def clean_compare_at_price(self) -> Decimal | None:
        return None if self.cleaned_data["compare_at_price"] is None else self._amount("compare_at_price")

    def _amount(self, name: str) -> Decimal:
        try:
            money = Money.parse(str(self.cleaned_data[name]), self.currency)
        except ValueError as exc:
            raise ValidationError(str(exc)) from None
        if money.amount < 0:
            raise ValidationError("Not below zero.")
        return money.amount


class PictureForm(_Row):
    """A picture's alternative text."""

    class Meta:
        model = Image
        fields = ("alt",)
        labels = {"alt": "Alternative text"}


def edit_of(form: ProductForm, variants: Rows, pictures: Rows | None) -> Edit:
    """All that the page's valid forms say. Raises Unclear."""
    said, names, rows = form.cleaned_data, form.options(), variants.rows()
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise Unclear(__all__="Two options have the same name.")
    published, publish_at = form.publication()
    draft = ProductDraft(
        slug=form.instance.slug,
        name=said["name"],
        variants=tuple(_draft(row, names, _currencies(variants)) for row in rows),
        description=said["description"],
        category=((said["category"].slug, said["category"].name),),
        vendor=said["vendor"],
        kind=said["kind"],
        tags=tuple(said["tags"]),
        published=published,
        publish_at=publish_at,
        option_names=tuple(named),
        seo_title=said["seo_title"],
        seo_description=said["seo_description"],
        attributes=form.values(),
    )
    removed = [each.instance.pk for each in pictures.deleted_forms] if pictures else []
    return Edit(
        draft=draft,
        pictures={row["id"]: row["alt"] for row in pictures.rows()} if pictures else {},
        removed=frozenset(removed),
        shown={row["sku"]: row["picture"] for row in rows if row["picture"] and row["picture"] not in removed},
        related=tuple(related.pk for related in said["related"] if related.pk != form.instance.pk),
    )


def _currencies(variants: Rows) -> Mapping[str, str]:
    return {each.cleaned_data["sku"]: each.currency for each in variants.forms if each.cleaned_data.get("sku")}


def _draft(row: Mapping[str, Any], names: Sequence[str], currencies: Mapping[str, str]) -> VariantDraft:
    values = [" ".join(row[f"value_{index}"].split()) for index in range(len(names))]
    if any(value and not name for name, value in zip(names, values, strict=True)):
        raise Unclear(__all__=f"{row['sku']}: this option has no name yet. Name it above the variants.")
    return VariantDraft(
        sku=row["sku"],
        price=Money(row["price"], currencies[row["sku"]]),
        options={name: value for name, value in zip(names, values, strict=True) if name and value},
        compare_at=row["compare_at_price"],
        barcode=row["barcode"],
        tax_class=row["tax_class"],
        weight_g=row["weight_g"],
    )


class Ordered(forms.ModelMultipleChoiceField[Product]):
    """Products in the order in which they were chosen."""

    def clean(self, value: Any) -> Any:
        found: QuerySet[Product] = super().clean(value)
        place = {str(pk): index for index, pk in enumerate(value or [])}
        return sorted(found, key=lambda product: place[str(product.pk)])
