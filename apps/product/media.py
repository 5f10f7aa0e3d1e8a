"""The files of pictures. A file never changes under its name, so whoever has it need not ask again."""

import re

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

_FILE = re.compile(r"pictures/[0-9a-f]{64}/(?:original|\d{3})\.(webp|avif)")


@require_safe
def file(request: HttpRequest, path: str) -> HttpResponseBase:
    """One file, from wherever the storage keeps it. Raises Http404."""
    named = _FILE.fullmatch(path)
    if named is None or not default_storage.exists(path):
        raise Http404
    answer = FileResponse(default_storage.open(path), content_type=f"image/{named[1]}")
    answer["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
