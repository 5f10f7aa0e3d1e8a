"""``python -m shop.entry bootstrap``: a database and a login of its own for each role, on a new server.

    BOOTSTRAP_DATABASE_URL   the server, under a login that may make others (on Azure the administrator's)
    BOOTSTRAP_LOGINS_DIR     a folder with one file per login, named like it, that holds its password
    BOOTSTRAP_WAIT_S         how long the server may take to answer (default 120)

A login owns the database of its name, and may connect to no other. Running it again changes passwords
to those in the folder, and nothing else.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from shop.exits import ConfigError, ServerUnreachable

_PAUSE_S = 2.0
_CONNECT_S = 5


def run(source: Mapping[str, str]) -> None:
    """Make what is missing. Raises ConfigError, ServerUnreachable."""
    server, folder = _required(source, "BOOTSTRAP_DATABASE_URL"), Path(_required(source, "BOOTSTRAP_LOGINS_DIR"))
    logins = {path.name: path.read_text().strip() for path in sorted(folder.glob("shop_*"))}
    if not logins:
        raise ConfigError(f"BOOTSTRAP_LOGINS_DIR={folder} has no file named shop_…")
    with _connected(server, float(source.get("BOOTSTRAP_WAIT_S") or 120)) as connection:
        for login, password in logins.items():
            made = _login(connection, login, password) + _database(connection, login)
            print(f"{login}: {', '.join(made) or 'there already'}", flush=True)


def _required(source: Mapping[str, str], key: str) -> str:
    if not source.get(key):
        raise ConfigError(f"{key} is missing")
    return source[key]


def _connected(server: str, wait_s: float) -> psycopg.Connection:
    end = time.monotonic() + wait_s
    while True:
        try:
            return psycopg.connect(server, autocommit=True, connect_timeout=_CONNECT_S)
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                raise ServerUnreachable(f"BOOTSTRAP_DATABASE_URL: {str(error).splitlines()[0]}") from None
            time.sleep(_PAUSE_S)


def _login(connection: psycopg.Connection, name: str, password: str) -> list[str]:
    """The password goes as a SCRAM verifier, so that no log of the server's ever has it."""
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(verifier))
    )
    return [] if known else ["login"]


def _database(connection: psycopg.Connection, name: str) -> list[str]:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return []
    database, owner = sql.Identifier(name), sql.Identifier(name)
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))  # who is no superuser must be a member
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    return ["database"]
