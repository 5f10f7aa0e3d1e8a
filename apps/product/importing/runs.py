"""Imports through the admin, as jobs: a file is kept, looked at, and applied once somebody says so."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, models
from django.db.models.functions import Now

from apps.product.drafts import Difference, ProductDraft
from apps.product.importing import services
from apps.product.importing.catalogue_file import CatalogueFile
from apps.product.importing.models import LEASE_S, Import, path
from apps.product.importing.problems import Unreadable
from shop import context, wake
from shop.changes import services as changes
from shop.transactions import command

MOST_BYTES = 200 * 1024 * 1024
_MOST_TRIES = 4  # a job that dies this often dies of the file
_BEAT_S = 1.0
State = Import.State


class _TakenOver(Exception):
    """The lease ran out, and another worker is at the import."""


class TooLarge(Exception):
    """The file is larger than an upload may be."""


def upload(*, file: "File[bytes]", name: str, currency: str, account: str) -> Import:
    """Keep ``file`` under its digest and have it looked at. Raises TooLarge."""
    if file.size > MOST_BYTES:
        raise TooLarge
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    kept = path(digest.hexdigest())
    if not default_storage.exists(kept):
        default_storage.save(kept, file)
    return _begin(name=name[:200], digest=digest.hexdigest(), currency=currency, account=account)


@command
def _begin(*, name: str, digest: str, currency: str, account: str) -> Import:
    made: Import = Import.objects.create(name=name, digest=digest, currency=currency, uploaded_by=account)
    wake.after_commit("product", "work_at_imports")
    return made


@command
def confirm(*, import_id: object, account: str) -> bool:
    """Have the previewed file applied; False where somebody did so before, or it is not ready."""
    ready = Import.objects.filter(pk=import_id, state=State.READY)
    moved = ready.update(state=State.APPLYING, done=0, epoch=0, lease_until=None, applied_by=account, changed_at=Now())
    wake.after_commit("product", "work_at_imports")
    return bool(moved)


def work_due() -> int:
    """Look at, or apply, one file; 1 if there was one. Who dies over it is followed by another after the lease."""
    held = _claim()
    if held is None:
        return 0
    if held.epoch > _MOST_TRIES:
        _refuse(held, [(0, "file", "the import was broken off several times; see the worker's log")], 1)
        return 1
    try:
        with _Pulse(held) as pulse, suppress(_TakenOver):
            _work(held, pulse)
    except services.BadRows as exc:
        _refuse(held, [(bad.line, bad.column, bad.message) for bad in exc.problems], exc.total)
    except Unreadable as exc:
        _refuse(held, [(1, "file", str(exc))], 1)
    except FileNotFoundError:
        _refuse(held, [(0, "file", "is no longer kept: upload it again")], 1)
    return 1


def _work(held: Import, pulse: "_Pulse") -> None:
    file = CatalogueFile(lambda: cast("BinaryIO", default_storage.open(held.path, "rb")), currency=held.currency)
    pulse(0, file.rows)
    if held.state == State.CHECKING:
        _checked(held, file, services.preview(file=file, progress=pulse))
    else:
        with _acting(held.applied_by), changes.coming_from(changes.IMPORT):
            _apply(held=held, file=file, pulse=pulse)


@contextmanager
def _acting(account: str) -> Iterator[None]:
    """What is changed is on record as this member of the staff's."""
    token = context.staff_actor.set(account)
    try:
        yield
    finally:
        context.staff_actor.reset(token)


@command
def _claim() -> Import | None:
    held: Import | None = Import.objects.claim()
    return held


@command
def _checked(held: Import, file: CatalogueFile, found: services.Preview) -> None:
    shown = {
        "created": [_created(draft) for draft in found.created],
        "changed": [_changed(difference) for difference in found.changed],
        "attributes": [[attribute.name, attribute.kind] for attribute in found.new_attributes],
        "unknown": file.table.header.unknown[:40],
    }
    told = file.table.format.told
    _finish(held, state=State.READY, preview=shown, told=told, rows=file.rows, done=file.rows, **_counted(found.counts))


@command
def _apply(*, held: Import, file: CatalogueFile, pulse: "_Pulse") -> None:
    """The catalogue and the row change together: an import is applied once, or not at all."""
    counts = services.apply_step(file=file, batch=held.pk, progress=pulse)
    if not _finish(held, state=State.APPLIED, rows=file.rows, done=file.rows, **_counted(counts)):
        raise _TakenOver  # undoes what this one did


@command
def _refuse(held: Import, problems: list[tuple[int, str, str]], total: int) -> None:
    _finish(held, state=State.REFUSED, problems=problems, problem_total=total)


def _finish(held: Import, **columns: Any) -> bool:
    return bool(Import.objects.held(held).update(lease_until=None, changed_at=Now(), **columns))


def _counted(counts: services.Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in ("created", "changed", "unchanged", "stocked")}


def _created(draft: ProductDraft) -> dict[str, Any]:
    prices = [variant.price.amount for variant in draft.variants]
    return {
        "slug": draft.slug,
        "name": draft.name,
        "category": " > ".join(name for _, name in draft.category),
        "variants": len(draft.variants),
        "pictures": len(draft.images),
        "prices": [f"{price:f}" for price in sorted({min(prices), max(prices)})],
        "published": draft.published,
    }


def _changed(difference: Difference) -> dict[str, Any]:
    fields: Mapping[str, tuple[str, str]] = difference.fields
    shown = [[_spoken(name), before[:300], after[:300]] for name, (before, after) in list(fields.items())[:20]]
    return {"slug": difference.slug, "fields": shown, "more": max(len(fields) - 20, 0)}


def _spoken(field: str) -> str:
    """ "LAMP_1 compare_at" as "LAMP_1 compare at": a SKU stays as it is."""
    sku, space, name = field.rpartition(" ")
    return f"{sku}{space}{name.replace('_', ' ')}"


class _Pulse:
    """Progress told, and the lease renewed, while a long transaction holds what it does to itself.

    From a thread, for the thread of the work has a transaction open whose writes nobody sees.
    """

    def __init__(self, held: Import) -> None:
        self._held = held
        self._done = self._rows = 0
        self._over = Event()
        self._thread = Thread(target=self._beat, name=f"import {held.pk}", daemon=True)

    def __call__(self, done: int, rows: int) -> None:
        self._done, self._rows = done, rows

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            with suppress(DatabaseError):  # the next beat says it again
                _beat(held=self._held, done=self._done, rows=self._rows)
        connection.close()


@command
def _beat(*, held: Import, done: int, rows: int) -> None:
    seconds = models.Value(LEASE_S, output_field=models.IntegerField())
    lease = models.Func(seconds, template="now() + make_interval(secs => %(expressions)s)")
    lease.output_field = models.DateTimeField()
    Import.objects.held(held).update(done=done, rows=rows, lease_until=lease)
