"""Receiving and adjusting stock by scanning or typing: many SKUs on one page, booked one by one.

Each line has an idempotency key made of the page's batch and its SKU, so that a form sent twice, or
again after half of it was refused, books every line once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from apps.inventory import services
from apps.inventory.api import MAX_UNITS
from apps.inventory.models import Movement, MovementKind, Warehouse
from shop.fields import SKU_PATTERN
from shop.idempotency import keys
from shop.problems import Problem

MOST_LINES = 200  # of one delivery; a longer one is received in parts

_sku = forms.CharField(validators=[RegexValidator(rf"^{SKU_PATTERN}\Z")])
_CORRECTIONS = [MovementKind.ADJUSTMENT, MovementKind.WRITE_OFF, MovementKind.RESTOCK]


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it was sent: ``error`` says why it is not booked."""

    sku: str
    units: str
    error: str = ""


class BatchForm(forms.Form):
    """What holds for all lines."""

    batch = forms.UUIDField()
    warehouse = forms.ModelChoiceField(Warehouse.objects.all(), empty_label=None)
    reference = forms.CharField(max_length=200)

    def book(self, sku: str, units: int, actor: str) -> Movement:
        """Book one line. Raises UnitsReserved, UnknownWarehouse."""
        warehouse, reference = self.cleaned_data["warehouse"].pk, self.cleaned_data["reference"]
        return services.receive(sku=sku, warehouse=warehouse, quantity=units, reference=reference, actor=actor)

    def refusal(self, units: int) -> str:
        """Why so many units are no line of this form; "" where they are."""
        return "" if 0 < units <= MAX_UNITS else f"Between 1 and {MAX_UNITS:,} units."


class AdjustForm(BatchForm):
    """Also why the books are corrected."""

    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in _CORRECTIONS])

    def book(self, sku: str, units: int, actor: str) -> Movement:
        return services.adjust(
            kind=MovementKind(self.cleaned_data["kind"]),
            sku=sku,
            warehouse=self.cleaned_data["warehouse"].pk,
            delta=units,
            reason=self.cleaned_data["reference"],
            actor=actor,
        )

    def refusal(self, units: int) -> str:
        kind = MovementKind(self.cleaned_data["kind"])
        if abs(units) > MAX_UNITS:
            return f"At most {MAX_UNITS:,} units."
        return "" if kind.allows(units) else f"Not a change that is a {kind.label.lower()}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One of the two pages: its form, and what things are called on it."""

    title: str
    permission: str
    form: type[BatchForm]
    button: str
    reference: str
    units: str


RECEIVING = Work(
    title="Receive stock",
    permission="inventory.receive_stock",
    form=BatchForm,
    button="Receive all",
    reference="Delivery note",
    units="Units",
)
ADJUSTING = Work(
    title="Adjust stock",
    permission="inventory.adjust_stock",
    form=AdjustForm,
    button="Adjust all",
    reference="Reason",
    units="Change",
)


def page(site: AdminSite, work: Work) -> Callable[[HttpRequest], HttpResponse]:
    """The view of ``work``."""

    def view(request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(work.permission):
            raise PermissionDenied
        form = work.form(request.POST or None, initial={"batch": uuid4(), "warehouse": Warehouse.objects.first()})
        rows = _sent(request) if request.method == "POST" else [Row(request.GET.get("sku", ""), "1")]
        if form.is_valid():
            rows, booked, units = _book(request, form, rows)
            if booked:
                messages.success(request, f"Booked: {booked} SKU{'' if booked == 1 else 's'}, {units:+,} units.")
            if booked and not rows:
                return HttpResponseRedirect(request.path)
        shown = {"title": work.title, "form": form, "rows": rows or [Row("", "1")], "work": work}
        return TemplateResponse(request, "inventory/batch.html", {**site.each_context(request), **shown})

    return view


def _sent(request: HttpRequest) -> list[Row]:
    """The lines of the form, those of the same SKU added up, without empty ones."""
    sums: dict[str, str] = {}
    skus, units = request.POST.getlist("sku"), request.POST.getlist("units")
    for sku, typed in zip(map(str.strip, skus[:MOST_LINES]), units, strict=False):
        before, more = _whole(sums.get(sku, "0")), _whole(typed)
        if sku:
            sums[sku] = typed.strip() if before is None or more is None else str(before + more)
    return [Row(sku, typed) for sku, typed in sums.items()]


def _whole(typed: str) -> int | None:
    try:
        return int(typed) if len(typed) < 12 else None
    except ValueError:
        return None


def _book(request: HttpRequest, form: BatchForm, rows: list[Row]) -> tuple[list[Row], int, int]:
    """Book each line; those that are refused, how many were booked, and their units."""
    if not rows:
        form.add_error(None, "Scan or type a SKU first.")
    refused, booked, units = [], 0, 0
    for row, error in _answers(request, form, rows):
        if error:
            refused.append(Row(row.sku, row.units, error))
        else:
            booked, units = booked + 1, units + int(row.units)
    return refused, booked, units


def _answers(request: HttpRequest, form: BatchForm, rows: list[Row]) -> Iterator[tuple[Row, str]]:
    actor, batch = str(request.user.pk), form.cleaned_data["batch"]
    for row in rows:
        units = _whole(row.units)
        if not _is_sku(row.sku):
            yield row, "Not a SKU."
        elif units is None:
            yield row, "Not a whole number."
        else:
            yield row, form.refusal(units) or _one(form, row.sku, units, actor, batch)


def _is_sku(text: str) -> bool:
    try:
        _sku.clean(text)
    except forms.ValidationError:
        return False
    return True


def _one(form: BatchForm, sku: str, units: int, actor: str, batch: UUID) -> str:
    """Book one line under its key; "" once it is booked, now or before."""
    asked = {name: str(value) for name, value in form.cleaned_data.items()} | {"sku": sku, "units": units}
    try:
        with keys.in_force(scope=f"{actor} inventory.desk", value=f"{batch} {sku}", body=asked):
            form.book(sku, units, actor)
    except keys.Bound:
        return ""
    except services.UnitsReserved as exc:
        return f"Only {exc.free} units are free."
    except services.UnknownWarehouse:
        return "No such warehouse."
    except Problem:
        return "This page has booked another quantity of it already: open the page anew."
    return ""
