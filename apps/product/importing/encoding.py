"""Bytes to lines: which encoding and delimiter a file has, and what had to be assumed to say so."""

import codecs
import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from apps.product.importing.columns import Header
from apps.product.importing.problems import Unreadable

Opener = Callable[[], BinaryIO]  # opens the file anew at its start, however often it is read

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a file is read. ``told`` says it to people, with what was assumed."""

    encoding: str
    delimiter: str
    told: str

    def lines(self, open_file: Opener) -> io.TextIOWrapper:
        """The file, opened, as lines with their ends as they are, which the csv module wants to see."""
        return io.TextIOWrapper(open_file(), encoding=self.encoding, newline="")


def detect(open_file: Opener) -> Format:
    """Find out how a file is to be read. Raises Unreadable for what is no text."""
    encoding, told = _encoding(open_file)
    delimiter = _delimiter(open_file, encoding)
    return Format(encoding=encoding, delimiter=delimiter, told=f"{told}, cells separated by {_DELIMITERS[delimiter]}")


def _encoding(open_file: Opener) -> tuple[str, str]:
    with open_file() as file:
        start = file.read(4096)
    if not start:
        raise Unreadable("The file is empty.")
    if start.startswith(b"PK\x03\x04"):
        raise Unreadable("This is a workbook or an archive: save the sheet as CSV.")
    for bom, encoding, name in _BOMS:
        if start.startswith(bom):
            _require(open_file, encoding, name)
            return encoding, f"{name}, as its first bytes say"
    if start.count(0) * 4 > len(start):  # every other byte, where letters are mostly Latin
        encoding = "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
        _require(open_file, encoding, "UTF-16")
        return encoding, "UTF-16 (assumed: the file has zero bytes and does not name its encoding)"
    return _of_bytes(open_file)


def _of_bytes(open_file: Opener) -> tuple[str, str]:
    """UTF-8 if all of the file is; else what spreadsheets wrote before, in which every file is some text."""
    bad = _first_undecodable(open_file, "utf-8")
    if bad is None:
        return "utf-8", "UTF-8"
    not_utf8 = f"assumed: line {bad} is not UTF-8; check accented letters"
    if _first_undecodable(open_file, "cp1252") is None:
        return "cp1252", f"Windows-1252 ({not_utf8})"
    return "latin-1", f"Latin-1 ({not_utf8})"


def _require(open_file: Opener, encoding: str, name: str) -> None:
    bad = _first_undecodable(open_file, encoding)
    if bad is not None:
        raise Unreadable(f"The file says it is {name}, but line {bad} is not.")


def _first_undecodable(open_file: Opener, encoding: str) -> int | None:
    """The first line that is not text in ``encoding``, None where all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with open_file() as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as exc:
                return line + exc.object[: exc.start].count(b"\n")
            if not chunk:
                return None


def _delimiter(open_file: Opener, encoding: str) -> str:
    """The one under which the header has most columns that mean something here."""
    with open_file() as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        first = text.readline(65_536)
    return max(_DELIMITERS, key=lambda delimiter: Header(next(csv.reader([first], delimiter=delimiter), [])).known)
