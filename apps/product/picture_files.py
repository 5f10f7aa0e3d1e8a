"""Bytes from anybody made into files that may be served: checked, encoded anew, in several sizes.

Encoding anew drops what else a file may carry: places, names, scripts behind the pixels. It is the one
heavy work that this process does, so it is done by a thread that steps back for all others: an order
never waits for a picture.
"""

import hashlib
import io
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import PIL.Image
import PIL.ImageOps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.product.thumbnails import FORMATS, ORIGINAL, path, widths

MOST_BYTES = 20 * 1024 * 1024
_MOST_PIXELS = 50_000_000  # 200 MB once unpacked
_LONGEST_SIDE = 2400  # pixels kept of a larger picture
_READ = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
_QUALITY = {
    "webp": {"quality": 82, "method": 2},  # Pillow's own 4 saves a twelfth of the bytes for more than twice the time
    "avif": {"quality": 60, "speed": 8, "max_threads": 1},  # threads of its own would not step back
}
_NICE = 10
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, MemoryError, PIL.Image.DecompressionBombError)


class BadPicture(Exception):
    """No picture that the shop takes; the text says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in the storage: ``digest`` is the SHA-256 of the bytes as they came, in hex."""

    digest: str
    width: int
    height: int


def check(data: bytes) -> None:
    """Raises BadPicture unless ``data`` is a picture that can be kept."""
    _opened(data)


def keep(data: bytes) -> Kept:
    """Put a picture and its thumbnails into the storage, unless they are there. Raises BadPicture."""
    return _stepping_back.submit(_keep, data).result()


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no niceness of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


_stepping_back = ThreadPoolExecutor(1, "pictures", initializer=_step_back)


def _keep(data: bytes) -> Kept:
    picture = _opened(data)
    digest = hashlib.sha256(data).hexdigest()
    if not default_storage.exists(path(digest, ORIGINAL)):
        whole = _encoded(picture, "webp")
        for nominal in widths(picture.width):
            small = picture.copy()
            small.thumbnail((nominal, picture.height))
            for kind in FORMATS:
                same = kind == "webp" and small.size == picture.size
                _write(path(digest, f"{nominal}.{kind}"), whole if same else _encoded(small, kind))
        _write(path(digest, ORIGINAL), whole)  # the last one: it says that all are there
    return Kept(digest, picture.width, picture.height)


def _opened(data: bytes) -> PIL.Image.Image:
    if len(data) > MOST_BYTES:
        raise BadPicture(f"The file has more than {MOST_BYTES // 1024**2} MB.")
    picture = _attempt(lambda: PIL.Image.open(io.BytesIO(data), formats=_READ))
    if picture.width * picture.height > _MOST_PIXELS:
        raise BadPicture(f"The picture has more than {_MOST_PIXELS // 1_000_000} million pixels.")
    return _attempt(lambda: _upright(picture))


def _attempt(read: Callable[[], PIL.Image.Image]) -> PIL.Image.Image:
    try:
        return read()
    except _BROKEN:
        raise BadPicture("This is no picture in JPEG, PNG, WebP, AVIF or GIF.") from None


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    upright = PIL.ImageOps.exif_transpose(picture)
    transparent = "A" in upright.getbands() or "transparency" in upright.info
    plain = upright.convert("RGBA" if transparent else "RGB")
    plain.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    return plain


def _encoded(picture: PIL.Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind.upper(), exif=b"", icc_profile=None, **_QUALITY[kind])
    return out.getvalue()


def _write(name: str, data: bytes) -> None:
    if default_storage.exists(name):  # a part of one, where an earlier attempt was broken off
        default_storage.delete(name)
    default_storage.save(name, ContentFile(data))
