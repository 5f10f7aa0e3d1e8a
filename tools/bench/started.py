"""One process, and eight services behind a proxy, as this machine starts them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tests import topology
from tools.bench.load import Send, Target

_ALL_DRAWN = {"DEMO_PICTURES": "1000"}  # the suite makes do with a few


@contextmanager
def running(kind: str, **settings: str) -> Iterator[Target]:
    """A new shop that has drawn its pictures."""
    with topology.running(kind, **settings, **_ALL_DRAWN) as found:
        _until_drawn(found)
        web = found["roles"]["product"]["url"] if kind == "split" else found["base_url"]
        yield Target(
            kind=kind,
            known=topology.variables(found),
            bare_url=f"{web}/health",
            pid=found["pid"],
            statements=partial(_statements, found),
        )


def _until_drawn(found: dict[str, Any]) -> None:
    while not json.loads((Path(found["var"]) / "demo.json").read_text()).get("loaded"):
        time.sleep(1)
    with psycopg.connect(found["roles"]["product"]["database_url"], autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM product_image WHERE state = 'waiting' LIMIT 1").fetchone():
            time.sleep(1)


def _statements(found: dict[str, Any], send: Send, count: int) -> float:
    """SQL statements of one request, all roles' together; the least of three: sweeps fall into some."""
    return min(_logged_statements(found, send, count) for _ in range(3))


def _logged_statements(found: dict[str, Any], send: Send, count: int) -> float:
    """PostgreSQL's log of them, for a moment."""
    log = Path(found["var"]) / "log/postgres.log"
    with _logged(found):
        start = log.stat().st_size
        for _ in range(count):
            send()
    with log.open(errors="replace") as lines:
        lines.seek(start)
        return sum("LOG:  execute" in line or "LOG:  statement" in line for line in lines) / count


@contextmanager
def _logged(found: dict[str, Any]) -> Iterator[None]:
    url = found["roles"]["product"]["database_url"]
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("all", "none"):
            connection.execute(f"ALTER SYSTEM SET log_statement = '{setting}'")
            connection.execute("SELECT pg_reload_conf()")
            time.sleep(0.3)  # until every backend has heard of it
            if setting == "all":
                yield
