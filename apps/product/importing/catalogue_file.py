"""A whole file as drafts: read twice, in batches, so that its size does not matter."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from apps.product.drafts import ProductDraft
from apps.product.importing.categories import UNCATEGORISED, Path, Shelves
from apps.product.importing.encoding import Opener
from apps.product.importing.problems import Problems
from apps.product.importing.products import KindGuess, Reader, ReadProduct
from apps.product.importing.rows import Group, Table
from apps.product.importing.skus import Skus
from apps.product.models import Attribute, Product

BATCH_ROWS = 500  # read, compared or written together

Progress = Callable[[int, int], None]  # rows done, rows in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some products of a file, and the opening stock of their SKUs."""

    drafts: Sequence[ProductDraft]
    units: Mapping[str, int]
    rows: int


@dataclass(slots=True)
class _Survey:
    """What has to be known of the whole file before its first product can be read."""

    rows: int = 0
    products: int = 0
    skus: dict[str, int] = field(default_factory=dict)  # given ones, with the line that gave them
    repeated: dict[int, int] = field(default_factory=dict)  # line -> the earlier line with the same SKU
    guesses: list[KindGuess] = field(default_factory=list)


class CatalogueFile:
    """One file of products whose prices are in ``currency``. Raises Unreadable."""

    def __init__(self, open_file: Opener, *, currency: str) -> None:
        self.table = Table(open_file)
        self.currency = currency
        self._survey = self._look_through()

    @property
    def rows(self) -> int:
        return self._survey.rows

    @property
    def products(self) -> int:
        return self._survey.products

    def new_attributes(self) -> list[Attribute]:
        """Attributes the file has values of and the shop does not have, not saved."""
        columns = [guess for guess in self._survey.guesses if guess.seen]
        known = set(Attribute.objects.values_list("code", flat=True))
        return [
            Attribute(
                code=guess.column.code,
                name=guess.column.name,
                unit=guess.column.unit,
                kind=guess.kind,
                position=position,
            )
            for position, guess in enumerate(columns)
            if guess.column.code not in known
        ]

    def batches(self, problems: Problems, progress: Progress) -> Iterator[Batch]:
        """All products, a batch at a time; ones with problems are left out, and their problems collected."""
        header, survey = self.table.header, self._survey
        kinds = {guess.column.code: guess.kind.value for guess in survey.guesses}
        kinds |= dict(Attribute.objects.values_list("code", "kind"))
        decimal_comma = self.table.format.delimiter != ","
        reader = Reader(header, currency=self.currency, decimal_comma=decimal_comma, kinds=kinds)
        skus = Skus(survey.skus, column=header.title_of("sku"))
        shelves = Shelves()
        done = 0
        for groups in _gathered(self.table.groups(problems)):
            read = [product for group in groups if (product := reader.read(group, problems)) is not None]
            self._report_repeated(read, problems)
            rows = sum(len(group.rows) for group in groups)
            yield _batch(read, skus, shelves, problems, rows)
            done += rows
            progress(done, survey.rows)

    def _report_repeated(self, read: Sequence[ReadProduct], problems: Problems) -> None:
        for product in read:
            for variant in product.variants:
                if (earlier := self._survey.repeated.get(variant.line)) is not None:
                    said = f"{variant.draft.sku} is used on line {earlier} too"
                    problems.add(variant.line, self.table.header.title_of("sku"), said)

    def _look_through(self) -> _Survey:
        survey = _Survey(guesses=[KindGuess(column) for column in self.table.header.attributes])
        for group in self.table.groups(Problems()):  # what is wrong is said when the rows are read
            survey.products += 1
            survey.rows += len(group.rows)
            for guess in survey.guesses:
                if cell := group.rows[0].cell(guess.column.index):
                    guess.see(cell)
            for row in group.rows:
                if (sku := row["sku"]) and survey.skus.setdefault(sku, row.line) != row.line:
                    survey.repeated[row.line] = survey.skus[sku]
        return survey


def _gathered(groups: Iterator[Group]) -> Iterator[list[Group]]:
    """Groups of BATCH_ROWS rows or a little more together."""
    gathered: list[Group] = []
    rows = 0
    for group in groups:
        gathered.append(group)
        rows += len(group.rows)
        if rows >= BATCH_ROWS:
            yield gathered
            gathered, rows = [], 0
    if gathered:
        yield gathered


def _batch(read: Sequence[ReadProduct], skus: Skus, shelves: Shelves, problems: Problems, rows: int) -> Batch:
    there = set(
        Product.objects.filter(slug__in=[product.draft.slug for product in read]).values_list("slug", flat=True)
    )
    drafts, units = [], {}
    for product, variants in zip(read, skus.assign(read, problems), strict=True):
        category = _category(product, shelves, known=product.draft.slug in there)
        drafts.append(replace(product.draft, variants=variants, category=category))
        for given, variant in zip(product.variants, variants, strict=True):
            if given.units:
                units[variant.sku] = given.units
    return Batch(drafts=drafts, units=units, rows=rows)


def _category(product: ReadProduct, shelves: Shelves, *, known: bool) -> Path:
    """A product that is there stays where it is when the file does not say."""
    if product.category:
        return shelves.path(product.category, product.category_slugs)
    return () if known else UNCATEGORISED
