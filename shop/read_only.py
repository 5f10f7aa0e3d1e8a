"""Admin pages that are windows: rows only the services write, and actions that call them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.http import HttpRequest


class ReadOnly(BaseModelAdmin[Any]):
    """No row is added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin[Any]):
    """A list and a page for each row. Actions name the permission ``operate``."""

    show_full_result_count = False  # the tables are large; COUNT(*) is not worth the page

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may use the actions that name no permission of their own."""
        return request.user.has_perm(f"{self.opts.app_label}.operate_{self.opts.model_name}")


class ReadOnlyInline(ReadOnly, admin.TabularInline[Any, Any]):
    """Rows below the page they belong to."""

    extra = 0
    max_num = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """All that is shown: also what no form could hold."""
        return tuple(self.fields or ())
