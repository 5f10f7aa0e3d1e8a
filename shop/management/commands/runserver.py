import os
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import runserver

from shop import launch, processes


class Command(runserver.Command):
    help = "Like serve, and the web process restarts when its code changes."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--alone", action="store_true", help="only the web process, on servers that run already")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["alone"]:
            super().handle(*args, **options)
        else:
            processes.run(launch.read(os.environ), kind="one", autoreload=True)
