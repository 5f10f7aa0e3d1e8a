"""Bases of all admin pages: lists that stay fast on large tables, and saves that go through a service.

A page is either a window (``ReadOnlyAdmin``) or a form whose ``save`` calls a command (``Page``).
Nothing here writes a row by itself.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin, csrf_protect_m
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.forms import BaseModelFormSet
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.paginator import InfinitePaginator

from shop.backoffice import history

if TYPE_CHECKING:  # unfold is untyped, and its classes are these
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin, TabularInline

FOUND = 200  # rows that a search shows: who looks for more is browsing, for which there are filters


class Bounded(ModelAdmin):
    """A list that never counts its table nor sorts it by a column without an index.

    ``sortable_by`` names columns whose order an index has; without it a list has its one order.
    ``search_fields`` are lookups that an index answers, each asked by itself: several of them in one
    condition, over joins, would read the whole table. ``bounded_actions`` names those that may be asked
    for all rows of a list, of which they take as many as they can.
    """

    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    sortable_by = ()
    list_disable_select_all = True
    compressed_fields = True
    list_filter_submit = False
    bounded_actions: Collection[str] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The first rows, ``FOUND`` at most, in which one of ``search_fields`` is, or begins with, the text."""
        text = search_term.strip()
        if not text:
            return queryset, False
        found = {pk for lookup in self.get_search_fields(request) for pk in self._found(queryset, lookup, text)}
        return queryset.filter(pk__in=found), False

    def as_stored(self, lookup: str, text: str) -> str:
        """``text`` in the form in which the searched column holds it."""
        return text

    def _found(self, queryset: QuerySet[Any], lookup: str, text: str) -> list[Any]:
        try:
            rows = queryset.filter(**{lookup: self.as_stored(lookup, text)})
            return list(rows.order_by(*self.ordering or []).values_list("pk", flat=True)[:FOUND])
        except (ValueError, ValidationError):  # not a value of that column: a word where there are numbers
            return []

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], **where: Any) -> HttpResponse | None:  # type: ignore[override]  # the stubs are of a later Django
        """Act on the chosen rows only: "all rows" of a large table is a choice for ``bounded_actions`` alone."""
        asked = set(request.POST.getlist("action"))
        if request.POST.get("select_across", "0") != "0" and not asked <= set(self.bounded_actions):
            chosen = request.POST.copy()
            chosen["select_across"] = "0"
            request.POST = chosen  # type: ignore[assignment]  # as Django's own: a QueryDict that may change
        return super().response_action(request, queryset, **where)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may use the actions of this page."""
        return request.user.has_perm(f"{self.opts.app_label}.operate_{self.opts.model_name}")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the log of changes has of the row, and of those of its inlines."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        parts = self.history_parts(request, obj)
        context = {**self.admin_site.each_context(request), "title": "History", "opts": self.opts, "original": obj}
        return TemplateResponse(request, "backoffice/history.html", {**context, "told": history.of(obj, parts)})

    def history_parts(self, request: HttpRequest, obj: Any) -> dict[type[Model], str]:
        """The models whose rows are parts of ``obj``, with their keys to it."""
        return {inline.model: _parent_key(inline, self.model) for inline in self.get_inline_instances(request, obj)}

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The log of changes is the database's own, whoever makes them."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As ``log_addition``."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """As ``log_addition``."""


def _parent_key(inline: Any, parent: type[Model]) -> str:
    """The foreign key by which an inline's rows belong to their page."""
    return str(_get_foreign_key(parent, inline.model, inline.fk_name).attname)


class OutsideTransaction(admin.ModelAdmin[Any]):
    """Django's change form without its transaction: the services' commands are durable, each has its own."""

    @csrf_protect_m  # type: ignore[untyped-decorator]
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        return self._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[attr-defined]

    @csrf_protect_m  # type: ignore[untyped-decorator]
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        return self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]


class Refused(forms.ModelForm[Any]):
    """A valid form that its command refused: shown again with what was said."""

    refusal: Any = None

    def clean(self) -> Any:
        cleaned = super().clean()
        if isinstance(self.refusal, dict):
            for name, text in self.refusal.items():
                self.add_error(name if name in self.fields else None, text)
        else:
            self.add_error(None, self.refusal)
        return cleaned


class Page(Bounded, OutsideTransaction):
    """A page with a form. Its rows are saved by ``save``, which calls one command outside any transaction.

    An exception of ``REFUSALS`` becomes an error of the form. Without a ``delete`` of its own a page
    deletes nothing.
    """

    REFUSALS: tuple[type[Exception], ...] = ()

    def save(self, request: HttpRequest, form: Any, formsets: Sequence[BaseModelFormSet[Any]]) -> object:
        """Save the valid ``form`` and ``formsets`` by a command; return the row. Raises what ``REFUSALS`` names."""
        raise NotImplementedError(f"{type(self).__name__} has no way to save")

    def delete(self, request: HttpRequest, obj: Any) -> None:
        """Delete ``obj`` by a command."""
        raise NotImplementedError(f"{type(self).__name__} has no way to delete")

    def refusal(self, exc: Exception) -> str | dict[str, str]:
        """What the form says of ``exc``: a text, or texts by field."""
        return str(exc) or (type(exc).__doc__ or "").partition("\n")[0]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return type(self).delete is not Page.delete and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with a row is its command's business: nobody needs a permission for each kind of it."""
        listed, counts, _, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected

    def _changeform_view(self, request: Any, object_id: Any, form_url: Any, extra_context: Any) -> Any:
        try:
            return super()._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]
        except self.REFUSALS as exc:
            request.refusal = self.refusal(exc)
            return super()._changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return type(form.__name__, (Refused, form), {"refusal": refusal}) if refusal else form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Everything is saved at once, by ``save``."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        saved = self.save(request, form, formsets)
        form.instance.pk = getattr(saved, "pk", form.instance.pk)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return ""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.delete(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete(request, obj)


def rows_of(formset: Any) -> list[dict[str, Any]]:
    """What a valid ``formset`` says there should be: its rows, without those left empty or ticked for deletion."""
    filled = [form.cleaned_data for form in formset.forms if form.has_changed() or form.instance.pk]
    return [row for row in filled if row and not row.get("DELETE")]


class Inline(TabularInline):
    """Editable rows below the page they belong to; the page's ``save`` saves them."""

    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A column's heading is no label to a screen reader: each field says its own."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None:
            field.widget.attrs.setdefault("aria-label", str(field.label or db_field.verbose_name))
        return field


class ReadOnly(BaseModelAdmin[Any]):
    """No row is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, Bounded):
    """A list and a page for each row. Actions name the permission ``operate``."""


class ReadOnlyInline(ReadOnly, TabularInline):
    """Rows below the page they belong to."""

    extra = 0
    max_num = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """All that is shown: also what no form could hold."""
        return tuple(self.fields or ())
