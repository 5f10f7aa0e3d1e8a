"""Pictures of products: uploaded or fetched, put in order, removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F, Max, Q, QuerySet
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
_REMOTE = Q(address__contains="://")  # a bare file name waits for who brings the file too (store)


class UnknownPicture(Exception):
    """The product has no such picture, or the order does not name each of them once."""


class TooMany(Exception):
    """The product has as many pictures as one may have."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A waiting picture that is ours for a while; ``attempts`` counts this one."""

    image_id: int
    address: str
    attempts: int


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
    try:
        store(image_id=claimed.image_id, data=fetching.read(claimed.address, most_bytes=picture_files.MOST_BYTES))
    except fetching.Unreachable as exc:
        if claimed.attempts < _ATTEMPTS:
            _postpone(claimed, error=str(exc))
        else:
            give_up(claimed, error=str(exc))
    except BadPicture as exc:
        give_up(claimed, error=str(exc))
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
def claim(which: Q) -> Claim | None:
    """Take one waiting picture for a while; ``which`` says which of them the caller can give their file."""
    due = Image.objects.filter(which, state=Image.State.WAITING, due_at__lte=Now()).order_by("due_at", "id")
    image = due.select_for_update(skip_locked=True).first()
    if image is None:
        return None
    lease = timedelta(seconds=_LEASE_S)
    Image.objects.filter(pk=image.pk).update(attempts=F("attempts") + 1, due_at=Now() + lease)
    return Claim(image.pk, image.address, image.attempts + 1)


@command
def give_up(claimed: Claim, *, error: str) -> None:
    """Leave a picture without its file, and say why."""
    _waiting(claimed).update(state=Image.State.FAILED, error=error[:200])


@command
def _postpone(claimed: Claim, *, error: str) -> None:
    pause = timedelta(seconds=_FIRST_PAUSE_S * 4 ** (claimed.attempts - 1))
    _waiting(claimed).update(error=error[:200], due_at=Now() + pause)


def _waiting(claimed: Claim) -> QuerySet[Image]:
    return Image.objects.filter(pk=claimed.image_id, state=Image.State.WAITING)
