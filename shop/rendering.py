"""How answers are shown: JSON, and DRF's browsable pages."""

from typing import Any
from uuid import uuid4

from django.utils.html import format_html
from rest_framework import renderers

from shop.env import env
from shop.idempotency.keys import FORM_FIELD
from shop.roles import KEYS


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8 JSON."""

    charset = None


class BrowsableRenderer(renderers.BrowsableAPIRenderer):
    """DRF's pages. A hidden field, fresh for each rendering, stands for the Idempotency-Key header."""

    template = "shop/api.html"

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        signs_on = bool(env.role) and env.role != KEYS
        return super().get_context(*args, **kwargs) | {"role": env.role, "signs_on": signs_on}

    def render_form_for_serializer(self, serializer: Any) -> str:
        form = super().render_form_for_serializer(serializer)
        return format_html('<input type="hidden" name="{}" value="{}">{}', FORM_FIELD, uuid4().hex, form)
