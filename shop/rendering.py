"""How answers are shown: JSON, and DRF's browsable pages."""

from typing import Any
from uuid import uuid4

from rest_framework import renderers

from shop.env import env


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8 JSON."""

    charset = None


class BrowsableRenderer(renderers.BrowsableAPIRenderer):
    """DRF's pages. A hidden field, fresh for each rendering, stands for the Idempotency-Key header."""

    template = "shop/api.html"

    def get_context(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return super().get_context(*args, **kwargs) | {"idempotency_key": uuid4().hex, "role": env.role}
