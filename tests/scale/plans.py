"""What PostgreSQL did for a statement, and what a page costs this process."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import connection
from django.test import Client

LIMIT_S = 0.3  # processor time of a list page; of the database, its plans are judged


def explained(sql: str) -> tuple[dict[str, Any], float]:
    """The plan of a statement that was run, and the time it took in milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
    explained = json.loads(found) if isinstance(found, str) else found
    return explained[0]["Plan"], explained[0]["Execution Time"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node with all those below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def seconds(client: Client, path: str, asked: Mapping[str, str] | None = None) -> float:
    """Processor time of a page, the best of three: what else a busy machine does is not the page's doing."""
    return min(_once(client, path, asked) for _ in range(3))


def _once(client: Client, path: str, asked: Mapping[str, str] | None) -> float:
    began = time.process_time()
    assert client.get(path, asked).status_code == 200
    return time.process_time() - began
