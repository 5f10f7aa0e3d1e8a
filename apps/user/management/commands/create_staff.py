"""``manage.py create_staff``: the demo's administrator, with a password only this checkout knows."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.user import services
from shop import context
from shop.changes import services as changes


class Command(BaseCommand):
    help = "Make sure the administrator named in FILE exists; the first call invents the password (file mode 600)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="JSON, with admin.email and admin.password")
        parser.add_argument("--email", default="admin@example.com")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        known = json.loads(file.read_text()) if file.exists() else {}
        admin = known.get("admin") or {"email": options["email"], "password": secrets.token_urlsafe(15)}
        if "admin" not in known:
            _write(file, known | {"admin": admin})
        with context.working_as("user"), changes.coming_from("create_staff"):
            services.create_staff(email=admin["email"], password=admin["password"], name="Administrator")


def _write(file: Path, content: Mapping[str, object]) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as written:
        json.dump(content, written, indent=2)
