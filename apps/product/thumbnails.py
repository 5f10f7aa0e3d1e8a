"""Which files there are of a picture, and at which addresses they are served."""

from functools import lru_cache
from typing import Any

WIDTHS = (160, 480, 960)  # pixels; a picture that is narrower is not enlarged
FORMATS = ("avif", "webp")
ORIGINAL = "original.webp"


def widths(width: int) -> tuple[int, ...]:
    """The nominal widths made of a picture: up to the first that shows it whole."""
    return tuple(nominal for nominal, below in zip(WIDTHS, (0, *WIDTHS), strict=False) if below < width)


def path(digest: str, name: str) -> str:
    """Where a file of a picture is in the storage."""
    return f"pictures/{digest}/{name}"


@lru_cache(maxsize=4096)
def thumbnails(digest: str, width: int) -> list[dict[str, Any]]:
    """``{"width", "format", "url"}`` of each file, as a srcset needs them. Shared: not to be changed."""
    small = [
        {"width": min(nominal, width), "format": kind, "url": _url(digest, f"{nominal}.{kind}")}
        for nominal in widths(width)
        for kind in FORMATS
    ]
    return [*small, {"width": width, "format": "webp", "url": _url(digest, ORIGINAL)}]


def _url(digest: str, name: str) -> str:
    return f"/product/media/{path(digest, name)}"
