"""A file as rows, and rows as products: streamed, with the line each row starts on."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from apps.product.importing.columns import Header
from apps.product.importing.encoding import Format, Opener, detect
from apps.product.importing.problems import Problems, Unreadable

MOST_ROWS = 5_000  # of one product: they are held in memory together


class Row:
    """Cells by field; "" for what the file does not have."""

    __slots__ = ("_cells", "_header", "line")

    def __init__(self, line: int, cells: list[str], header: Header) -> None:
        self.line = line
        self._cells = cells
        self._header = header

    def __getitem__(self, field: str) -> str:
        return self.cell(self._header.fields.get(field))

    def cell(self, index: int | None) -> str:
        """The cell of a column, without surrounding blanks."""
        return self._cells[index].strip() if index is not None and index < len(self._cells) else ""

    def has_variant(self) -> bool:
        """Whether the row is a variant, not merely one more picture of its product."""
        return bool(self["price"] or self["sku"] or any(self.cell(pair.value) for pair in self._header.options))


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one product, as they follow each other."""

    handle: str
    rows: list[Row]


class Table:
    """One file, which can be read any number of times. Raises Unreadable where its header does not do."""

    def __init__(self, open_file: Opener) -> None:
        self._open = open_file
        self.format: Format = detect(open_file)
        self.header = self._read_header()

    def _read_header(self) -> Header:
        with self.format.lines(self._open) as lines:
            try:
                header = Header(next(csv.reader(lines, delimiter=self.format.delimiter), []))
            except csv.Error as exc:
                raise Unreadable(f"The first line is no header: {exc}.") from exc
        if missing := list(header.missing()):
            raise Unreadable(f"The first line names no column {_quoted(missing)}: is this a product file of Shopify?")
        if header.twice:
            raise Unreadable(f"The first line names a column twice: {_quoted(header.twice)}.")
        return header

    def rows(self, problems: Problems) -> Iterator[Row]:
        """Rows that have anything in them. One that cannot be told from the next ends the reading."""
        with self.format.lines(self._open) as lines:
            reader = csv.reader(lines, delimiter=self.format.delimiter, strict=True)
            next(reader)
            start = reader.line_num + 1
            try:
                for cells in reader:
                    if any(map(str.strip, cells)) and self._fits(start, cells, problems):
                        yield Row(start, cells, self.header)
                    start = reader.line_num + 1
            except csv.Error as exc:
                problems.add(start, "row", f"cannot be read, nor what follows ({exc}): check the quotes")

    def _fits(self, line: int, cells: list[str], problems: Problems) -> bool:
        width = len(self.header.titles)
        if any(map(str.strip, cells[width:])):
            problems.add(line, "row", f"has {len(cells)} cells, the header has {width}: check quotes and delimiters")
            return False
        for index, text in enumerate(cells):
            if "\x00" in text:
                problems.add(line, self.header.titles[index], "holds a zero byte")
                return False
        return True

    def groups(self, problems: Problems) -> Iterator[Group]:
        """Products in the order of the file, without rows that belong to none, or come too late to belong."""
        begun: dict[str, int] = {}
        group: Group | None = None
        for row in self.rows(problems):
            handle = row["handle"].casefold()
            if group is not None and handle == group.handle:
                self._extend(group, row, problems)
                continue
            if not self._may_begin(handle, row, begun, problems):
                continue
            if group is not None:
                yield group
            begun[handle] = row.line
            group = Group(handle, [row])
        if group is not None:
            yield group

    def _extend(self, group: Group, row: Row, problems: Problems) -> None:
        if len(group.rows) == MOST_ROWS:
            problems.add(row.line, self.header.title_of("handle"), f"has more than {MOST_ROWS} rows")
        elif len(group.rows) < MOST_ROWS:
            group.rows.append(row)

    def _may_begin(self, handle: str, row: Row, begun: dict[str, int], problems: Problems) -> bool:
        column = self.header.title_of("handle")
        if not handle:
            problems.add(row.line, column, "is missing")
        elif handle in begun:
            problems.add(
                row.line,
                column,
                f"{handle} began on line {begun[handle]}: the rows of a product must follow each other",
            )
        return bool(handle) and handle not in begun


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
