"""What single cells mean. Each function raises ValueError with what is wrong, in words for a merchant."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

from shop.fields import SKU_PATTERN
from shop.money import Money

MOST_UNITS = 1_000_000  # what inventory takes in one line
HEAVIEST_G = 1_000_000_000
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?")  # what an attribute's column holds
TRUE = frozenset({"true", "yes", "1"})
FALSE = frozenset({"false", "no", "0"})

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,10})?")
_HANDLE = re.compile(r"[a-z0-9_-]{1,200}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.(png|jpe?g|webp|avif|gif)", re.IGNORECASE)
_SHORTENED = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+", re.IGNORECASE)
_TAX_CLASS = re.compile(r"[a-z][a-z0-9_-]{0,19}")  # other tax codes are those of tax services


def text(longest: int) -> Callable[[str], str]:
    """A reader of texts of up to ``longest`` characters."""

    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(f"has {len(cell)} characters, {longest} at most")
        return cell

    return read


def handle(cell: str) -> str:
    if not _HANDLE.fullmatch(cell):
        raise ValueError("may have letters a to z, digits, '-' and '_', 200 characters at most")
    return cell


def sku(cell: str) -> str:
    if not re.fullmatch(SKU_PATTERN, cell):
        raise ValueError("may have letters, digits, '.', '_' and '-', 64 characters at most")
    return cell


def price(currency: str, *, decimal_comma: bool) -> Callable[[str], Money]:
    """A reader of amounts. ``decimal_comma``: the cells are separated by something else, so 9,99 is a number."""

    def read(cell: str) -> Money:
        plain = cell.replace(",", ".") if decimal_comma and cell.count(",") == 1 and "." not in cell else cell
        if not _DECIMAL.fullmatch(plain):
            raise ValueError(f'"{cell[:40]}" is not an amount like 19.99')
        return Money.parse(plain, currency)

    return read


def units(cell: str) -> int:
    """Whole units; fewer than none, as an oversold product has them, are none."""
    if not re.fullmatch(r"-?[0-9]{1,9}", cell):
        raise ValueError(f'"{cell[:40]}" is not a whole number')
    if int(cell) > MOST_UNITS:
        raise ValueError(f"is more than {MOST_UNITS} units")
    return max(int(cell), 0)


def grams(cell: str) -> int:
    """A weight, rounded half up to whole grams."""
    if not _DECIMAL.fullmatch(cell):
        raise ValueError(f'"{cell[:40]}" is not a weight in grams')
    weight = int(Decimal(cell).to_integral_value(ROUND_HALF_UP))
    if weight > HEAVIEST_G:
        raise ValueError(f"is more than {HEAVIEST_G} g")
    return weight


def boolean(cell: str) -> bool:
    if cell.casefold() not in TRUE | FALSE:
        raise ValueError(f'"{cell[:40]}" is neither true nor false')
    return cell.casefold() in TRUE


def active(cell: str) -> bool:
    """Whether a status lets the product be seen."""
    known = {"active": True, "unlisted": False, "draft": False, "archived": False}
    if cell.casefold() not in known:
        raise ValueError(f'"{cell[:40]}" is none of {", ".join(known)}')
    return known[cell.casefold()]


def moment(cell: str) -> datetime:
    """A time with its offset from UTC."""
    try:
        read = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(f'"{cell[:40]}" is not a time like 2030-01-31T08:00:00+00:00') from None
    if read.tzinfo is None:
        raise ValueError("needs its offset from UTC, like +00:00")
    return read


def barcode(cell: str) -> str:
    """Digits or letters; a leading apostrophe only keeps spreadsheets from counting with it."""
    if _SHORTENED.fullmatch(cell):
        raise ValueError(f"{cell} was shortened by a spreadsheet: format the column as text")
    return text(64)(cell.removeprefix("'"))


def tags(cell: str) -> tuple[str, ...]:
    """Separated by commas; the same one counts once."""
    found = dict.fromkeys(tag for tag in (part.strip() for part in cell.split(",")) if tag)
    for tag in found:
        if len(tag) > 60:
            raise ValueError(f'"{tag[:60]}..." is longer than 60 characters')
    return tuple(found)


def address(cell: str) -> str:
    """Where a picture is: http(s), or the bare name of a file that comes with the import."""
    if _FILE_NAME.fullmatch(cell):
        return cell
    try:
        parts = urlsplit(cell)
        complete = parts.scheme.lower() in {"http", "https"} and parts.hostname
    except ValueError:
        complete = False
    if not complete or len(cell) > 2000 or any(character.isspace() for character in cell):
        raise ValueError("is neither an http(s) address nor the name of a picture file")
    return cell


def position(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", cell):
        raise ValueError(f'"{cell[:40]}" is not a position like 1')
    return int(cell)


def path(cell: str) -> tuple[str, ...]:
    """Categories from the root down, "A > B > C"; none where the cell is only a number of some taxonomy."""
    if cell.isdecimal():
        return ()
    names = tuple(part.strip() for part in cell.split(">"))
    if len(names) > 10 or not all(1 <= len(name) <= 120 for name in names):
        raise ValueError('is not a path like "Furniture > Chairs", with 10 names of 120 characters at most')
    return names


def slugs(cell: str) -> tuple[str, ...]:
    """What addresses call the categories of a path by."""
    found = tuple(part.strip() for part in cell.split(">"))
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", slug) for slug in found):
        raise ValueError("may have letters, digits, '-' and '_', 80 characters at most, between '>'")
    return found


def tax_class(cell: str) -> str:
    """One of this shop's classes, or "" for the code of a tax service."""
    return cell if _TAX_CLASS.fullmatch(cell) else ""
