"""WSGI entry point of the web process."""

import os
from collections.abc import Mapping
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from shop.env import env
from shop.exits import ConfigError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")


class Utf8Request(WSGIRequest):
    """A request in UTF-8, as JSON (RFC 8259) and forms (URL Standard) are, whatever charset it names.

    Django decodes by that name, and fails before any view where it is no text encoding.
    """

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        self.content_type = str(meta.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        self.content_params = {}


class Handler(WSGIHandler):
    request_class = Utf8Request


if not env.secret_key:
    raise ConfigError("SECRET_KEY is missing: sessions and guests' order tokens would be signed with a known one")

django.setup(set_prefix=False)
application = Handler()
