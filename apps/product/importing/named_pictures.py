"""Pictures that a product file names, "lamp.png", instead of giving their address: the files come with it.

They are handed over to the storage first; a job takes them from there, for making thumbnails of some
hundred pictures takes longer than anyone should wait for.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import Q
from django.db.models.functions import Now

from apps.product import picture_files, pictures
from apps.product.models import Image
from shop import wake
from shop.transactions import command

_BATCH = 500
_NAMED = ~Q(address="") & ~Q(address__contains="/")  # a file name, no address


def hand_over(folder: Path) -> int:
    """Give waiting pictures the files of ``folder`` that they name; how many it has. Raises OSError."""
    there = {file.name: file for file in folder.iterdir() if file.is_file()}
    wanted = Image.objects.filter(_NAMED).exclude(state=Image.State.READY).values_list("address", flat=True).distinct()
    found = [name for name in wanted.order_by("address") if name in there]
    for name in found:
        _keep(there[name])
    for names in _batched(found):
        _expect(names=names)
    return len(found)


def store_due() -> int:
    """Give one picture the file it names; 1 if there was one. Without its file it fails."""
    claimed = pictures.claim(_NAMED)
    if claimed is None:
        return 0
    try:
        with default_storage.open(_path(claimed.address), "rb") as file:
            pictures.store(image_id=claimed.image_id, data=file.read(picture_files.MOST_BYTES + 1))
    except FileNotFoundError:
        pictures.give_up(claimed, error="the file did not come with the import")
    except pictures.BadPicture as exc:
        pictures.give_up(claimed, error=str(exc))
    return 1


def _path(name: str) -> str:
    return f"imports/pictures/{name}"


def _keep(file: Path) -> None:
    kept = _path(file.name)
    if default_storage.exists(kept):
        if default_storage.size(kept) == file.stat().st_size:
            return
        default_storage.delete(kept)
    with file.open("rb") as content:
        default_storage.save(kept, File(content))


def _batched(names: list[str]) -> Iterator[list[str]]:
    rest = iter(names)
    while batch := list(islice(rest, _BATCH)):
        yield batch


@command
def _expect(*, names: list[str]) -> None:
    expected = Image.objects.filter(address__in=names).exclude(state=Image.State.READY)
    expected.update(state=Image.State.WAITING, error="", due_at=Now())
    wake.after_commit("product", "store_named_pictures")
