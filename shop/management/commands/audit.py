"""``manage.py audit``: does every book agree with every other?"""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shop.audit.examine import drain, examine


class Command(BaseCommand):
    help = "List every disagreement in the books, by id. Exit status: 0 clean and silent, 1 disagreement, 2 incomplete."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drain", action="store_true", help="first wait until nothing is under way")
        parser.add_argument("--drain-limit", type=float, default=120, metavar="S", help="longest wait (default 120 s)")
        parser.add_argument("--grace", type=float, default=3, metavar="S", help="before reading again what disagreed")

    def handle(self, *args: Any, **options: Any) -> None:
        unfinished = drain(limit_s=options["drain_limit"]) if options["drain"] else []
        report = examine(grace_s=options["grace"])
        for found in report.disagreements:
            self.stdout.write(f"{found.rule} {found.id}: {found.detail}")
        for line in [*(f"still under way: {line}" for line in unfinished), *report.unread]:
            self.stderr.write(line)
        report.unread += unfinished
        if report.exit_status:
            sys.exit(report.exit_status)
