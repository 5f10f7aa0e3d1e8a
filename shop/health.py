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
    problem = "stopping" if _stopping else _database_problem()
    if problem:
        return JsonResponse({"status": problem}, status=503)
    return JsonResponse({"status": "ready"})


def _database_problem() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except DatabaseError:
        return "database unreachable, or without any migration"
    missing = _expected() - applied
    return f"{len(missing)} migrations behind" if missing else ""


@lru_cache(maxsize=1)
def _expected() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).disk_migrations)
