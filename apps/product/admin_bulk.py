"""One change to the products chosen in the list: entered, shown as it would be, then made."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from apps.product import bulk
from apps.product.admin_forms import DRAFT, PUBLISHED, SCHEDULED
from apps.product.editing import Stale
from apps.product.models import Category, Product
from shop.env import env
from shop.money import Money

SAMPLE = 25  # lines of a preview


class BulkForm(forms.Form):
    """What is to be done with the chosen products."""

    heading = ""

    def change(self) -> bulk.Change:
        """The change that a valid form asks for."""
        raise NotImplementedError


class PriceForm(BulkForm):
    heading = "Change prices"

    how = forms.ChoiceField(
        label="Change",
        choices=(("percent", "By percent"), ("set", f"To an amount in {env.currency}")),
        initial="percent",
        widget=UnfoldAdminRadioSelectWidget,
    )
    number = forms.DecimalField(
        label="Percent or amount",
        help_text="-10 lowers prices by a tenth. Rounded to the currency's decimals.",
        max_digits=14,
        decimal_places=3,
        widget=UnfoldAdminTextInputWidget({"inputmode": "decimal", "autocomplete": "off"}),
    )
    compare_at = forms.ChoiceField(
        label="Compare-at price",
        choices=(("keep", "Keep as it is"), ("before", "Set to the price of now"), ("none", "Remove")),
        initial="keep",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        number = asked.get("number")
        if number is None:
            return asked
        if asked.get("how") == "percent" and not -100 <= number <= 1000:
            self.add_error("number", "Between -100 and 1000 percent.")
        if asked.get("how") == "set":
            self._check_amount(number)
        return asked

    def change(self) -> bulk.PriceChange:
        number = self.cleaned_data["number"]
        by: dict[str, Decimal] = {"percent": number} if self.cleaned_data["how"] == "percent" else {"amount": number}
        return bulk.PriceChange(**by, compare_at=self.cleaned_data["compare_at"])

    def _check_amount(self, number: Decimal) -> None:
        try:
            Money.parse(str(number), env.currency)
        except ValueError as exc:
            self.add_error("number", str(exc))
        if number < 0:
            self.add_error("number", "Not below zero.")


class CategoryForm(BulkForm):
    heading = "Change the category"

    category = forms.ModelChoiceField(queryset=Category.objects.all())

    def change(self) -> bulk.CategoryChange:
        return bulk.CategoryChange(category_id=self.cleaned_data["category"].pk)


class PublicationForm(BulkForm):
    heading = "Publish or withdraw"

    state = forms.ChoiceField(
        label="Products are to be",
        choices=((PUBLISHED, "Published"), (DRAFT, "Withdrawn: drafts again"), (SCHEDULED, "Published later")),
        initial=PUBLISHED,
        widget=UnfoldAdminRadioSelectWidget,
    )
    scheduled_for = forms.DateTimeField(
        required=False,
        label="Publish at",
        help_text="UTC",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if asked.get("state") == SCHEDULED and not asked.get("scheduled_for"):
            self.add_error("scheduled_for", "Say when.")
        return asked

    def change(self) -> bulk.PublicationChange:
        state = self.cleaned_data["state"]
        at = self.cleaned_data["scheduled_for"] if state == SCHEDULED else None
        return bulk.PublicationChange(published=state == PUBLISHED, publish_at=at)


def run(
    page: Any, request: HttpRequest, products: QuerySet[Product], form_class: Callable[..., BulkForm]
) -> HttpResponse | None:
    """One step of the change: the empty form, its preview, or, of what was previewed, the change itself.

    What was chosen, one by one or as all of a list, is from the first step on these products by id.
    """
    chosen = list(products.order_by("pk").values_list("pk", flat=True)[: bulk.MOST + 1])
    if len(chosen) > bulk.MOST:
        page.message_user(request, f"At most {bulk.MOST:,} products at once: filter the list.", messages.WARNING)
        return None
    form = form_class(request.POST if "step" in request.POST else None)
    plan = None
    if form.is_valid():
        plan = _preview(form, chosen)
        if plan and request.POST["step"] == "apply" and _applied(page, request, form, chosen):
            return None
    shown = {
        **page.admin_site.each_context(request),
        "title": form.heading,
        "opts": page.opts,
        "form": form,
        "plan": plan,
        "sample": plan.lines[:SAMPLE] if plan else [],
        "more": max(len(plan.lines) - SAMPLE, 0) if plan else 0,
        "chosen": chosen,
        "action": request.POST.get("action", ""),
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "product/admin/bulk.html", shown)


def _preview(form: BulkForm, chosen: list[int]) -> bulk.Plan | None:
    try:
        return bulk.preview(product_ids=chosen, change=form.change())
    except bulk.OutOfRange:
        form.add_error(None, "A price would become too large.")
    return None


def _applied(page: Any, request: HttpRequest, form: BulkForm, chosen: list[int]) -> bool:
    seen = request.POST.get("fingerprint", "")
    try:
        done = bulk.apply(product_ids=chosen, change=form.change(), fingerprint=seen)
    except Stale:
        form.add_error(None, "These products have changed since they were shown. Below is what would happen now.")
        return False
    page.message_user(request, f"Changed {done} product{'' if done == 1 else 's'}.", messages.SUCCESS)
    return True
