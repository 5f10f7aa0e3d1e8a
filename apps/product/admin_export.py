"""The whole catalogue as a file, for whoever may see products."""

import io
import tempfile

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from apps.product.importing import export

_IN_MEMORY = 4 * 1024 * 1024  # bytes; a larger file waits on disk while it is written and sent


def download(request: HttpRequest) -> HttpResponseBase:
    """The file that the import page reads."""
    if not request.user.has_perm("product.view_product"):
        raise PermissionDenied
    try:
        export.currency_of_all()
    except export.SeveralCurrencies as exc:
        messages.error(request, f"Prices are in {exc}: the file has one currency for all.")
        return HttpResponseRedirect(reverse("admin:product_product_changelist"))
    kept = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # the answer closes it
    text = io.TextIOWrapper(kept, encoding="utf-8", newline="", write_through=True)
    export.Writer(text).write()
    text.detach()
    kept.seek(0)
    return FileResponse(kept, as_attachment=True, filename="products.csv", content_type="text/csv; charset=utf-8")
