import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shop import children, launch, processes


class Command(BaseCommand):
    help = "Run the shop as eight services behind a proxy, each with its own database and worker."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--with-parent", action="store_true", help="stop when the caller ends, even if killed")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["with_parent"]:
            children.end_with_parent(os.getppid())
        processes.run(launch.read(os.environ), kind="split")
