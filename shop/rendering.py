"""How answers are shown: JSON, and DRF's browsable pages."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from rest_framework import renderers

from shop.env import env
from shop.idempotency.keys import FORM_FIELD
from shop.roles import KEYS

_encoder = renderers.JSONRenderer.encoder_class()  # what orjson does not know, and times, as DRF writes them
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8 JSON; indented where a person asked for it, which costs more."""

    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None or self.get_indent(accepted_media_type or "", dict(renderer_context or {})):
            return super().render(data, accepted_media_type, renderer_context)
        return orjson.dumps(data, default=_encoder.default, option=_OPTIONS)


class BrowsableRenderer(renderers.BrowsableAPIRenderer):
    """DRF's pages. A hidden field, fresh for each rendering, stands for the Idempotency-Key header."""

    template = "shop/api.html"

    def get_description(self, view: Any, status_code: int) -> str:
        """A view's docstring, escaped, with what it quotes as code."""
        description = super().get_description(view, status_code)
        return mark_safe(re.sub("``(.+?)``", r"<code>\1</code>", description))  # noqa: S308  # escaped by DRF

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        signs_on = bool(env.role) and env.role != KEYS
        return super().get_context(*args, **kwargs) | {"role": env.role, "signs_on": signs_on}

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        """The page; also of a problem, whose own media type is that of its JSON."""
        page = super().render(data, accepted_media_type, renderer_context)
        renderer_context["response"]["Content-Type"] = f"{self.media_type}; charset={self.charset}"
        return page

    def render_form_for_serializer(self, serializer: Any) -> str:
        form = super().render_form_for_serializer(serializer)
        return format_html('<input type="hidden" name="{}" value="{}">{}', FORM_FIELD, uuid4().hex, form)
