"""Pictures of products: uploaded or fetched, put in order, removed."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now

from apps.product import fetching, picture_files
from apps.product.errors import UnknownSku
from apps.product.models import Image, Product, Variant
from apps.product.picture_files import BadPicture as BadPicture
from apps.product.picture_files import Kept
from apps.product.picture_files import check as check
from apps.product.services import catalogue_changed
from shop.transactions import command

MOST = 50  # pictures of one product
_ATTEMPTS = 4
_LEASE_S = 60  # longer than one picture may take
_FIRST_PAUSE_S = 30  # then four times as long each time: the last attempt is about ten minutes after the first


class UnknownPicture(Exception):
    """The product has no such picture, or the order does not name each of them once."""


class TooMany(Exception):
    """The product has as many pictures as one may have."""


def store(*, image_id: int, data: bytes) -> None:
    """Give a waiting picture its file. Raises BadPicture; nothing happens if it was removed meanwhile."""
    _ready(image_id=image_id, kept=picture_files.keep(data))


def upload(*, sku: str, data: bytes, alt: str = "") -> Image:
    """Add a picture behind the product's others. Raises BadPicture, UnknownSku, TooMany."""
    return _add(sku=sku, alt=alt, kept=picture_files.keep(data))


def add_address(*, sku: str, address: str, alt: str = "") -> Image:
    """Add a picture that a job fetches later. Raises UnknownSku, TooMany."""
    return _add(sku=sku, alt=alt, address=address)


@command
def reorder(*, sku: str, ids: Sequence[int]) -> None:
    """Show the product's pictures in the order of ``ids``. Raises UnknownSku, UnknownPicture."""
    product = _product(sku)
    images = {image.pk: image for image in product.images.all()}
    if sorted(ids) != sorted(images):
        raise UnknownPicture
    for position, number in enumerate(ids):
        images[number].position = position
    Image.objects.bulk_update(images.values(), ["position"])
    catalogue_changed()


@command
def delete(*, sku: str, image_id: int) -> None:
    """Remove a picture; its files stay, other products may show them. Raises UnknownSku, UnknownPicture."""
    product = _product(sku)
    Variant.objects.filter(product=product, image=image_id).update(image=None)
    deleted, _ = Image.objects.filter(product=product, pk=image_id).delete()
    if not deleted:
        raise UnknownPicture
    catalogue_changed()


def fetch_due() -> int:
    """Fetch one picture whose time has come; 1 if there was one. What cannot be had is tried again, then given up."""
    claimed = claim(_REMOTE)
    if claimed is None:
        return 0
    image_id, address = claimed
    try:
        store(image_id=image_id, data=fetching.read(address, most_bytes=picture_files.MOST_BYTES))
    except fetching.Unreachable as exc:
        _failed(image_id=image_id, error=str(exc), for_good=False)
    except BadPicture as exc:
        _failed(image_id=image_id, error=str(exc), for_good=True)
    return 1


@command
def _add(*, sku: str, alt: str, address: str = "", kept: Kept | None = None) -> Image:
    product = _product(sku)
    if product.images.count() >= MOST:
        raise TooMany
    last = product.images.aggregate(last=Max("position"))["last"]
    columns = {"alt": alt, "address": address, "position": 0 if last is None else last + 1}
    if kept:
        columns |= {"state": Image.State.READY, "digest": kept.digest, "width": kept.width, "height": kept.height}
    image = Image.objects.create(product=product, **columns)
    catalogue_changed()
    return image


def _product(sku: str) -> Product:
    product = Product.objects.select_for_update(of=("self",)).filter(variants__sku=sku).first()
    if product is None:
        raise UnknownSku(sku)
    return product


@command
def _ready(*, image_id: int, kept: Kept) -> None:
    columns = {"digest": kept.digest, "width": kept.width, "height": kept.height}
    if Image.objects.filter(pk=image_id).update(state=Image.State.READY, error="", **columns):
        catalogue_changed()


@command
def claim(of: str) -> tuple[int, str] | None:
    """Take the id and the address of one waiting picture for a while; ``of`` is a constant SQL condition."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(of=of), [_LEASE_S])
        row: tuple[int, str] | None = cursor.fetchone()
    return row


@command
def _failed(*, image_id: int, error: str, for_good: bool) -> None:
    waiting = Image.objects.filter(pk=image_id, state=Image.State.WAITING)
    attempts = waiting.values_list("attempts", flat=True).first() or 0
    if for_good or attempts >= _ATTEMPTS:
        waiting.update(state=Image.State.FAILED, error=error[:200])
    else:
        pause = timedelta(seconds=_FIRST_PAUSE_S * 4 ** (attempts - 1))
        waiting.update(error=error[:200], due_at=Now() + pause)


# A bare file name is not an address: whoever brought it brings the file too (store).
_REMOTE = "address LIKE '%%://%%'"
_CLAIM = """
UPDATE product_image SET attempts = attempts + 1, due_at = now() + make_interval(secs => %s)
WHERE id = (
    SELECT id FROM product_image WHERE state = 'waiting' AND due_at <= now() AND {of}
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, address
"""
