"""Bringing a file in: first all of it is looked at, then all of it is applied, or nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import UUID

from apps.product import services as catalogue
from apps.product.drafts import Difference, Fate, ProductDraft
from apps.product.importing.catalogue_file import CatalogueFile, Progress
from apps.product.importing.problems import Problems, RowProblem
from apps.product.models import Attribute, Import, Level, StockOpening
from shop.changes import services as changes
from shop.transactions import command, step

SAMPLES = 50  # products shown of those that an import would create, and of those it would change


class BadRows(Exception):
    """Rows are bad, so nothing of the file was applied. ``problems`` are the first of ``total``."""

    def __init__(self, problems: Problems) -> None:
        self.problems: list[RowProblem] = list(problems)
        self.total = problems.total
        super().__init__(f"{self.total} bad cells")


@dataclass(slots=True, kw_only=True)
class Counts:
    """Products that were, or would be, created, changed and left alone; SKUs with opening stock."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    stocked: int = 0


@dataclass(slots=True, kw_only=True)
class Preview:
    """What an import would do: all of it by number, the first of each kind in detail."""

    counts: Counts = field(default_factory=Counts)
    created: list[ProductDraft] = field(default_factory=list)
    changed: list[Difference] = field(default_factory=list)
    new_attributes: list[Attribute] = field(default_factory=list)


def validate(*, file: CatalogueFile, progress: Progress) -> None:
    """Read all of ``file``. Raises BadRows."""
    problems = Problems()
    for _ in file.batches(problems, progress):
        pass
    if problems.total:
        raise BadRows(problems)


def preview(*, file: CatalogueFile, progress: Progress) -> Preview:
    """What applying ``file`` would do to the catalogue as it is. Raises BadRows."""
    problems = Problems()
    found = Preview(new_attributes=file.new_attributes())
    new = {attribute.code for attribute in found.new_attributes}
    for batch in file.batches(problems, progress):
        if not problems.total:
            _compare(found, batch.drafts, new)
            found.counts.stocked += len(_unstocked(batch.units))
    if problems.total:
        raise BadRows(problems)
    return found


@command
def apply(*, file: CatalogueFile, batch: UUID, progress: Progress) -> Counts:
    """Make the catalogue equal to ``file``, all of it or nothing; a repeat changes nothing. Raises BadRows.

    SKUs that never had stock get what the file says, once ``batch`` has told inventory.
    """
    return apply_step(file=file, batch=batch, progress=progress)


@step
def apply_step(*, file: CatalogueFile, batch: UUID, progress: Progress) -> Counts:
    """``apply``, for a caller that records it in the same transaction."""
    problems = Problems()
    counts = Counts()
    new = file.new_attributes()
    Attribute.objects.bulk_create(new, ignore_conflicts=True)
    for part in file.batches(problems, progress):
        if problems.total:
            continue  # the rest is read for its problems only
        _put(counts, part.drafts, problems)
        _open_stock(counts, batch, part.units)
    if problems.total:
        raise BadRows(problems)
    if new or counts.created or counts.changed:
        changes.note(table=Import._meta.db_table, row=batch, action="import", after=asdict(counts))
        catalogue.catalogue_changed()
    return counts


def _put(counts: Counts, drafts: Sequence[ProductDraft], problems: Problems) -> None:
    try:
        done = catalogue.put_products_step(drafts=drafts)
    except catalogue.SkuTaken as exc:  # by somebody who was quicker than the file's reading
        problems.add(0, "Variant SKU", f"taken meanwhile: {exc}")
        raise BadRows(problems) from exc
    counts.created += len(done.created)
    counts.changed += len(done.changed)
    counts.unchanged += done.unchanged


def _open_stock(counts: Counts, batch: UUID, units: Mapping[str, int]) -> None:
    """Leave to inventory what it has not told of: it alone knows whether a SKU ever moved."""
    if unstocked := _unstocked(units):
        catalogue.open_stock_later(batch=batch, units=unstocked)
    counts.stocked += len(unstocked)


def _unstocked(units: Mapping[str, int]) -> dict[str, int]:
    """Units of SKUs that, as far as is known here, never had any, and are to have none from an earlier import."""
    skus = list(units)
    known = set(Level.objects.filter(sku__in=skus).values_list("sku", flat=True))
    known |= set(StockOpening.objects.filter(sku__in=skus, sent_at=None).values_list("sku", flat=True))
    return {sku: quantity for sku, quantity in units.items() if sku not in known}


def _compare(found: Preview, drafts: Sequence[ProductDraft], new: set[str]) -> None:
    """Compare without the attributes that are yet to be made, and then add these."""
    comparable = [
        replace(draft, attributes={code: value for code, value in draft.attributes.items() if code not in new})
        for draft in drafts
    ]
    for draft, difference in zip(drafts, _with_new(drafts, catalogue.diff(comparable), new), strict=True):
        if difference.fate == Fate.CREATED:
            found.counts.created += 1
            found.created += [draft] if len(found.created) < SAMPLES else []
        elif difference.fate == Fate.CHANGED:
            found.counts.changed += 1
            found.changed += [difference] if len(found.changed) < SAMPLES else []
        else:
            found.counts.unchanged += 1


def _with_new(drafts: Sequence[ProductDraft], differences: Sequence[Difference], new: set[str]) -> Iterator[Difference]:
    for draft, difference in zip(drafts, differences, strict=True):
        added = {code: ("", str(value)) for code, value in draft.attributes.items() if code in new}
        if added and difference.fate != Fate.CREATED:
            yield replace(difference, fate=Fate.CHANGED, fields={**difference.fields, **added})
        else:
            yield difference
