"""Pictures that come from a browser: kept as they come, each through ``pictures.store``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from apps.product import editing, pictures, thumbnails
from apps.product.errors import UnknownSku
from apps.product.models import Image, Variant

AT_ONCE = 20  # files of one request; the page's script sends one by one


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was chosen."""

    name: str
    data: bytes


def checked(files: Sequence[Any]) -> list[Upload]:
    """The files, each of which will be taken. Raises pictures.BadPicture, which names the file."""
    uploads = [Upload(file.name or "file", file.read()) for file in files[:AT_ONCE]]
    for upload in uploads:
        pictures.check(upload.data)
    return uploads


def put(product_id: int, upload: Upload) -> Image:
    """Keep a picture, behind the product's others. Raises pictures.BadPicture, pictures.TooMany, editing.Gone."""
    sku = Variant.objects.filter(product=product_id).order_by("position").values_list("sku", flat=True).first()
    if sku is None:
        raise editing.Gone
    try:
        return pictures.upload(sku=sku, data=upload.data)
    except UnknownSku as exc:
        raise editing.Gone from exc


def thumbnail(digest: str, width: int = 0) -> str:
    """The address of the smallest file of a picture; of a page's size, where ``width`` says that there is one."""
    nominal = thumbnails.widths(width)[:2][-1] if width else thumbnails.WIDTHS[0]
    return f"/product/media/{thumbnails.path(digest, f'{nominal}.webp')}"


def upload(page: Any, request: HttpRequest, product_id: int) -> HttpResponse:
    """``{"pictures": [{"id", "thumbnail"}]}`` of the files sent, or ``{"error"}``: words for the page, as of a form."""
    if not (request.user.has_perm("product.change_product") and request.user.has_perm("product.add_image")):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    try:
        kept = [put(product_id, each) for each in checked(request.FILES.getlist("pictures"))]
    except pictures.BadPicture as exc:
        return JsonResponse({"error": str(exc)})
    except pictures.TooMany:
        return JsonResponse({"error": f"A product has at most {pictures.MOST} pictures."})
    except editing.Gone:
        return JsonResponse({"error": "This product was deleted meanwhile."})
    return JsonResponse(
        {"pictures": [{"id": image.pk, "thumbnail": thumbnail(image.digest, image.width)} for image in kept]}
    )
