"""Whether the process lives, and whether it should get traffic."""

from functools import lru_cache

from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, JsonResponse

_stopping = False


def stop() -> None:
    """From now on ``/ready`` is 503: the server has been told to end and drains."""
    global _stopping
    _stopping = True


def health(request: HttpRequest) -> JsonResponse:
    """200 while the process can answer at all."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its schema is not behind the code, and nobody said stop."""
    if found := problem():
        return JsonResponse({"status": found}, status=503)
    return JsonResponse({"status": "ready"})


def problem(*, app: str | None = None) -> str:
    """What keeps this process from serving, or, of its apps, ``app``; empty when nothing does."""
    return "stopping" if _stopping else _database_problem(app)


def _database_problem(app: str | None) -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except DatabaseError:
        return "database unreachable, or without any migration"
    missing = {name for name in _expected() - applied if app in {None, name[0]}}
    return f"{len(missing)} migrations behind" if missing else ""


@lru_cache(maxsize=1)
def _expected() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
