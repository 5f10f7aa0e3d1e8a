"""The rows of one product, read into a draft: what is wrong with them is said, cell by cell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from apps.product.drafts import ImageDraft, ProductDraft, VariantDraft
from apps.product.importing import cells
from apps.product.importing.columns import AttributeColumn, Header, OptionColumns
from apps.product.importing.problems import Problems
from apps.product.importing.rows import Group, Row
from apps.product.models import Attribute
from shop.money import Money

T = TypeVar("T")
Kind = Attribute.Kind
Value = str | Decimal | bool

DEFAULT = "default title"  # the one value of the option "Title" of a product without options
_NONE: tuple[str, ...] = ()
STANDARD, EXEMPT = "standard", "exempt"  # tax classes, as role order names them


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVariant:
    """A variant's row, read. Without a ``draft.sku`` one is still to be found."""

    line: int
    draft: VariantDraft
    units: int | None  # of opening stock; None where the file does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProduct:
    """A product's rows, read; ``category`` and ``category_slugs`` are not yet looked up."""

    line: int
    draft: ProductDraft  # without variants and category
    variants: Sequence[ReadVariant]
    category: tuple[str, ...]
    category_slugs: tuple[str, ...]


class Reader:
    """Reads the products of one file. ``kinds`` are those of the attributes, by code."""

    def __init__(self, header: Header, *, currency: str, decimal_comma: bool, kinds: Mapping[str, str]) -> None:
        self._header = header
        self._price = cells.price(currency, decimal_comma=decimal_comma)
        self._no_money = Money.zero(currency)
        self._kinds = kinds

    def read(self, group: Group, problems: Problems) -> ReadProduct | None:
        """The product of ``group``; None where any of its cells is bad, which ``problems`` then has."""
        before = problems.total
        product = _Product(self._header, group, problems, self._price, self._no_money, self._kinds).read()
        return product if problems.total == before else None


@dataclass(slots=True)
class _Product:
    """The reading of one product. What cannot be read is reported, and goes on as if the cell were empty."""

    header: Header
    group: Group
    problems: Problems
    price: Callable[[str], Money]
    no_money: Money
    kinds: Mapping[str, str]
    options: list[tuple[OptionColumns, str]] = field(default_factory=list)  # with the option's name

    def read(self) -> ReadProduct:
        first = self.group.rows[0]
        rows = [row for row in self.group.rows if row is first or row.has_variant()]
        self.options = self._options(first, rows)
        images = self._images()
        variants = [self._variant(row) for row in rows]
        self._require_difference(variants)
        category, category_slugs = self._category(first)
        draft = ProductDraft(
            slug=self._cell(first, "handle", lambda cell: cells.handle(cell.casefold()), ""),
            name=self._required(first, "title", cells.text(200), ""),
            description=first["description"],
            vendor=self._cell(first, "vendor", cells.text(120), ""),
            kind=self._cell(first, "type", cells.text(120), ""),
            tags=self._cell(first, "tags", cells.tags, _NONE),
            published=self._published(first),
            publish_at=self._cell(first, "publish_at", cells.moment, None),
            option_names=tuple(name for _, name in self.options),
            images=tuple(images.values()),
            seo_title=self._cell(first, "seo_title", cells.text(200), ""),
            seo_description=self._cell(first, "seo_description", cells.text(500), ""),
            attributes=self._attributes(first),
            variants=(),
        )
        return ReadProduct(
            line=first.line, draft=draft, variants=variants, category=category, category_slugs=category_slugs
        )

    def _cell(self, row: Row, column: str, read: Callable[[str], T], default: T) -> T:
        cell = row[column]
        return self._read(row, self.header.title_of(column), cell, read, default) if cell else default

    def _required(self, row: Row, column: str, read: Callable[[str], T], default: T) -> T:
        if not row[column]:
            self.problems.add(row.line, self.header.title_of(column), "is missing")
        return self._cell(row, column, read, default)

    def _read(self, row: Row, title: str, cell: str, read: Callable[[str], T], default: T) -> T:
        try:
            return read(cell)
        except ValueError as exc:
            self.problems.add(row.line, title, str(exc))
            return default

    def _published(self, first: Row) -> bool:
        """Of two columns that may say no; a file that says nothing means yes."""
        wanted = self._cell(first, "published", cells.boolean, True)
        return self._cell(first, "status", cells.active, True) and wanted

    def _category(self, first: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        path: tuple[str, ...] = ()
        for column in ("category", "google_category"):
            path = path or self._cell(first, column, cells.path, _NONE)
        path = path or tuple(name for part in first["type"].split(">")[:10] if (name := part.strip()[:120]))
        slugs = self._cell(first, "category_slugs", cells.slugs, _NONE)
        if slugs and len(slugs) != len(path):
            self.problems.add(first.line, self.header.title_of("category_slugs"), "has not one for each category")
        return path, slugs

    def _options(self, first: Row, rows: Sequence[Row]) -> list[tuple[OptionColumns, str]]:
        """The columns of this product's options, with their names from its first row."""
        if len(rows) == 1 and _only_default(first, self.header):
            return []
        named = [(pair, first.cell(pair.name)) for pair in self.header.options]
        for pair, name in named:
            if name:
                self._read(first, f"Option{pair.number} Name", name, cells.text(40), "")
            for row in rows:
                self._check_option(row, pair, name)
        found = [(pair, name) for pair, name in named if name]
        if len({name.casefold() for _, name in found}) < len(found):
            self.problems.add(first.line, f"Option{found[-1][0].number} Name", "two options have the same name")
        return found

    def _check_option(self, row: Row, pair: OptionColumns, name: str) -> None:
        value = row.cell(pair.value)
        if name and not value:
            self.problems.add(row.line, f"Option{pair.number} Value", f"is missing: every variant has a {name}")
        elif value and not name:
            self.problems.add(row.line, f"Option{pair.number} Value", f'"{value[:40]}" belongs to no option')
        elif len(value) > 120:
            self.problems.add(row.line, f"Option{pair.number} Value", "is longer than 120 characters")
        elif row.cell(pair.name) not in {"", name}:
            self.problems.add(row.line, f"Option{pair.number} Name", f"differs from the product's first row, {name}")

    def _variant(self, row: Row) -> ReadVariant:
        taxable = self._cell(row, "taxable", cells.boolean, True)
        compare_at = self._cell(row, "compare_at", self.price, None)
        draft = VariantDraft(
            sku=self._cell(row, "sku", cells.sku, ""),
            price=self._required(row, "price", self.price, self.no_money),
            options={name: row.cell(pair.value) for pair, name in self.options},
            compare_at=compare_at.amount if compare_at is not None else None,
            barcode=self._cell(row, "barcode", cells.barcode, ""),
            tax_class=(cells.tax_class(row["tax_code"]) or STANDARD) if taxable else EXEMPT,
            weight_g=self._cell(row, "grams", cells.grams, 0),
            image=self._cell(row, "variant_image", cells.address, ""),
        )
        return ReadVariant(line=row.line, draft=draft, units=self._cell(row, "quantity", cells.units, None))

    def _require_difference(self, variants: Sequence[ReadVariant]) -> None:
        lines: dict[tuple[str, ...], int] = {}
        for variant in variants:
            values = tuple(variant.draft.options.values())
            earlier = lines.setdefault(values, variant.line)
            if earlier == variant.line:
                continue
            said = (
                f"is the same variant as on line {earlier}" if values else "is missing: what tells it from the first?"
            )
            self.problems.add(variant.line, "Option1 Value", said)

    def _images(self) -> dict[str, ImageDraft]:
        """By address, in order of their positions; pictures that only a variant names come last."""
        placed: list[tuple[int, int, ImageDraft]] = []
        for row in self.group.rows:
            position = self._cell(row, "image_position", cells.position, 0)
            alt = self._cell(row, "image_alt", cells.text(300), "")
            if address := self._cell(row, "image", cells.address, ""):
                placed.append((position or len(placed) + 1, len(placed), ImageDraft(address=address, alt=alt)))
        images: dict[str, ImageDraft] = {}
        for *_, image in sorted(placed, key=lambda found: found[:2]):
            images.setdefault(image.address, image)
        for row in self.group.rows:
            if address := row["variant_image"]:
                images.setdefault(address, ImageDraft(address=address))
        return images

    def _attributes(self, first: Row) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for column in self.header.attributes:
            if cell := first.cell(column.index):
                read = _VALUES[self.kinds.get(column.code, Kind.TEXT)]
                nothing: Value = ""
                values[column.code] = self._read(first, column.title, cell, read, nothing)
        return values


def _only_default(row: Row, header: Header) -> bool:
    """Whether the row has no options, which the format says by the option "Title" or by none at all."""
    values = [row.cell(pair.value) for pair in header.options]
    names = [row.cell(pair.name) for pair in header.options]
    given = [(name.casefold(), value.casefold()) for name, value in zip(names, values, strict=True) if name or value]
    return given in ([], [("title", DEFAULT)], [("", DEFAULT)])


def _number(cell: str) -> Value:
    if not cells.NUMBER.fullmatch(cell):
        raise ValueError(f'"{cell[:40]}" is not a number, as all values of this attribute are')
    return Decimal(cell)


_VALUES: Mapping[str, Callable[[str], Value]] = {
    Kind.TEXT: cells.text(200),
    Kind.NUMBER: _number,
    Kind.BOOLEAN: cells.boolean,
}


@dataclass(slots=True)
class KindGuess:
    """What the values of an attribute's column, seen so far, could all be."""

    column: AttributeColumn
    seen: bool = False
    number: bool = True
    boolean: bool = True

    def see(self, cell: str) -> None:
        self.seen = True
        self.number = self.number and bool(cells.NUMBER.fullmatch(cell))
        self.boolean = self.boolean and cell.casefold() in {"true", "false"}

    @property
    def kind(self) -> Attribute.Kind:
        if self.boolean:
            return Kind.BOOLEAN
        return Kind.NUMBER if self.number else Kind.TEXT
