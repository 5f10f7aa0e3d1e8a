"""``manage.py import_catalog``: a catalogue comes in, in the product CSV format of Shopify."""

import re
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.product.importing import named_pictures, services
from apps.product.importing.catalogue_file import CatalogueFile
from apps.product.importing.problems import Unreadable
from shop import health
from shop.changes import services as changes
from shop.env import env

_EVERY_S = 2.0  # between two lines of progress


class Command(BaseCommand):
    help = (
        "Make the catalogue equal to FILE, a product CSV as Shopify exports it: all of it, or nothing if any row is "
        "bad (exit status 1, each bad cell by line and column). Products the file does not name stay as they are. "
        "Quantities become opening stock of SKUs that never had any. Running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--currency", default=env.currency, help="of all prices: the format has none (%(default)s)")
        parser.add_argument(
            "--pictures", type=Path, metavar="DIR", help="has the pictures that are named, not addressed"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if why := health.problem(app="product"):
            raise CommandError(f"{why}: start the shop once, with make run")
        if not re.fullmatch("[A-Z]{3}", options["currency"]):
            raise CommandError(f"--currency {options['currency']}: a code of three capital letters, like EUR")
        try:
            self._import(path, **options)
        except OSError as exc:
            raise CommandError(f"{exc.filename or path}: {exc.strerror}") from exc
        except Unreadable as exc:
            raise CommandError(f"{path}: {exc}") from exc
        except services.BadRows as exc:
            raise CommandError(_told(path, exc)) from exc

    def _import(self, path: Path, *, currency: str, dry_run: bool, pictures: Path | None, **_: Any) -> None:
        if pictures is not None and not pictures.is_dir():
            raise CommandError(f"--pictures {pictures}: no such folder")
        file = CatalogueFile(lambda: path.open("rb"), currency=currency)
        self._say(f"{path}: {file.table.format.told}; {file.products} products in {file.rows} rows")
        if unknown := file.table.header.unknown:
            self._say(f"columns that are not read: {', '.join(unknown[:40])}")
        if dry_run:
            self._show(services.preview(file=file, progress=self._progress("compared")))
            return
        services.validate(file=file, progress=self._progress("checked"))
        with changes.coming_from(changes.IMPORT):
            counts = services.apply(file=file, batch=uuid4(), progress=self._progress("applied"))
        self._count(counts)
        if pictures is not None:
            self._say(f"{named_pictures.hand_over(pictures)} pictures handed over from {pictures}")

    def _show(self, preview: services.Preview) -> None:
        for attribute in preview.new_attributes:
            self._say(f"new attribute {attribute.code}: {attribute.kind}")
        for draft in preview.created:
            self._say(f"+ {draft.slug}")
        for difference in preview.changed:
            for field, (before, after) in difference.fields.items():
                self._say(f"~ {difference.slug} {field}: {before[:80]!r} -> {after[:80]!r}")
        if preview.counts.created + preview.counts.changed > len(preview.created) + len(preview.changed):
            self._say("... and more, which this does not list")
        self._count(preview.counts)

    def _count(self, counts: services.Counts) -> None:
        said = f"{counts.created} created, {counts.changed} changed, {counts.unchanged} unchanged"
        self._say(f"{said}; opening stock for {counts.stocked} SKUs")

    def _progress(self, what: str) -> "_Progress":
        return _Progress(self, what)

    def _say(self, line: str) -> None:
        self.stdout.write(line)


class _Progress:
    """A line on standard error now and then."""

    def __init__(self, command: BaseCommand, what: str) -> None:
        self._command, self._what = command, what
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= _EVERY_S:
            self._last = time.monotonic()
            self._command.stderr.write(f"{self._what} {done} of {total} rows", self._command.style.NOTICE)


def _told(path: Path, bad: services.BadRows) -> str:
    lines = [f"{path}: {problem}" for problem in bad.problems]
    if bad.total > len(bad.problems):
        lines.append(f"... and {bad.total - len(bad.problems)} more")
    return "\n".join([*lines, f"{bad.total} bad cells: nothing was imported"])
