"""``manage.py export_catalog``: the catalogue in the product CSV format of Shopify."""

import sys
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.product.importing import export
from shop import health


class Command(BaseCommand):
    help = "Write the catalogue to FILE, or to standard output, as import_catalog and Shopify read it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        if why := health.problem(app="product"):
            raise CommandError(f"{why}: start the shop once, with make run")
        try:
            currency = export.currency_of_all()
        except export.SeveralCurrencies as exc:
            raise CommandError(f"prices are in {exc}: the format has one currency for all") from exc
        try:
            if path is None:
                self._write(sys.stdout, currency)
            else:
                with path.open("w", encoding="utf-8", newline="") as out:
                    self._write(out, currency)
        except OSError as exc:
            raise CommandError(f"{exc.filename or path}: {exc.strerror}") from exc

    def _write(self, out: TextIO, currency: str | None) -> None:
        written, left_out = export.Writer(out).write()
        self.stderr.write(f"{written} products, prices in {currency or 'no currency'}", self.style.NOTICE)
        if left_out:
            self.stderr.write(f"{left_out} uploaded pictures have no address, so the file does not name them")
