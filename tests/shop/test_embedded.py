"""The embedded servers, as commands of a checkout meet them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket
from typing import Any

import psycopg
import pytest

from shop import children, launch
from shop.launch import ROOT
from shop.var import Var

HOLD = """
import os, sys
from shop import launch
with launch.environment(os.environ, "probe"):
    print(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], flush=True)
    sys.stdin.read()
"""


def command_environment(var: Path, **more: str) -> dict[str, str]:
    """What a shell would have: nothing of this test run's own stack."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return {**kept, "SHOP_VAR": str(var), **more}


class Holder:
    """A command that keeps servers up (or uses those of another) until told to end."""

    def __init__(self, var: Path, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=command_environment(var, **more),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.database_url, self.redis_url = self.process.stdout.readline().split()

    def let_go(self) -> None:
        """Tell it that it may end, without waiting for it."""
        assert self.process.stdin
        self.process.stdin.close()

    def end(self, number: signal.Signals | None = None) -> None:
        """End it, by a signal if one is given. May be called again."""
        if number:
            self.process.send_signal(number)
        self.let_go()
        self.process.wait(timeout=60)
        assert self.process.stdout
        self.process.stdout.close()


@contextmanager
def holding(var: Path, **more: str) -> Iterator[Holder]:
    holder = Holder(var, **more)
    try:
        yield holder
    finally:
        holder.end()


def manage(var: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=command_environment(var, **more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def query(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone() if statement.startswith("SELECT") else None
        if row is None:
            connection.execute(statement.encode())
        return row[0] if row else None


def left(var: Path) -> list[int]:
    """Live processes that have ``var`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (known := children.stat(int(entry.name))) and known.state not in "ZX":
            command = _command_line(entry)
            if str(var).encode() in command and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_durable_and_unreachable_from_outside(tmp_path: Path) -> None:
    """A commit is on disk, and the server listens on no address."""
    with holding(tmp_path) as holder:
        assert query(holder.database_url, "SELECT current_setting('fsync')") == "on"
        assert query(holder.database_url, "SELECT current_setting('synchronous_commit')") == "on"
        assert query(holder.database_url, "SELECT current_setting('listen_addresses')") == ""


def test_second_command_attaches(tmp_path: Path) -> None:
    """Two commands of one checkout use one server; it stays until both have ended, then all is gone."""
    with holding(tmp_path) as first, holding(tmp_path) as second:
        assert second.database_url == first.database_url
        first.let_go()
        with pytest.raises(subprocess.TimeoutExpired):
            first.process.wait(0.5)
        assert query(second.database_url, "SELECT 1") == 1
        second.end()
        assert first.process.wait(30) == 0
    assert left(tmp_path) == []


def test_two_checkouts_side_by_side(tmp_path: Path) -> None:
    """Another folder is another server."""
    with holding(tmp_path / "a") as one, holding(tmp_path / "b") as other:
        started = "SELECT pg_postmaster_start_time()::text || current_setting('data_directory')"
        assert query(one.database_url, started) != query(other.database_url, started)


def test_recovers_from_a_killed_owner(tmp_path: Path) -> None:
    """After SIGKILL of the command the servers end by themselves; the next start has the committed row."""
    with holding(tmp_path) as holder:
        query(holder.database_url, "CREATE TABLE kept AS SELECT 1 AS id")
        holder.end(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while left(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with holding(tmp_path) as holder:
        assert query(holder.database_url, "SELECT id FROM kept") == 1


def test_recovers_from_killed_servers(tmp_path: Path) -> None:
    """Also where the servers themselves were killed, leaving sockets, pid files and a busy backend behind."""
    with holding(tmp_path) as holder, psycopg.connect(holder.database_url, autocommit=True) as busy:
        query(holder.database_url, "CREATE TABLE kept AS SELECT 1 AS id")
        backend = busy.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # cannot notice that its server died
        pids = left(tmp_path)
        holder.process.kill()
        for pid in pids:
            children.end_session(pid)
        holder.end()
        assert children.stat(backend)
    with holding(tmp_path) as holder:
        assert query(holder.database_url, "SELECT id FROM kept") == 1
    assert backend not in [found.pid for found in children.live()]


def test_ignores_a_pid_file_that_names_a_stranger(tmp_path: Path) -> None:
    """A stale postmaster.pid whose number now is some other process blocks nothing and hurts nobody."""
    with holding(tmp_path):
        pass
    (tmp_path / "postgres/postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}/postgres\n1\n5432\n\n\n\nready\n")
    with holding(tmp_path) as holder:
        assert query(holder.database_url, "SELECT 1") == 1


def test_deep_folder(tmp_path: Path) -> None:
    """Where the folder's path is too long for a socket, a short one is used."""
    with holding(tmp_path / ("deep" * 25) / ("er" * 20), TMPDIR=str(tmp_path)) as holder:
        assert query(holder.database_url, "SELECT 1") == 1


def test_interrupted_creation_is_repeated(tmp_path: Path) -> None:
    """A half-made data folder is never taken for a database."""
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new/PG_VERSION").write_text("18\n")
    with holding(tmp_path) as holder:
        assert query(holder.database_url, "SELECT 1") == 1


def test_keeps_its_secrets(tmp_path: Path) -> None:
    """Secrets are made once, for their owner's eyes only."""
    given = launch.read({"SHOP_VAR": str(tmp_path)})
    first = launch.local_settings(given)
    assert launch.local_settings(given) == first
    assert first["SECRET_KEY"] != first["GATEWAY_KEY"]
    assert (tmp_path / "keys/secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("variables", "code", "text"),
    [
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "REDIS_URL": "x"}, os.EX_UNAVAILABLE, "DATABASE_URL"),
        ({"PORT": "eighty"}, os.EX_CONFIG, "PORT='eighty' is not a port number"),
        ({"SERVICE_ROLE": "warehouse"}, os.EX_CONFIG, "SERVICE_ROLE=warehouse: no such role"),
        ({"SERVICE_ROLE": "order", "CART_URL": ""}, os.EX_CONFIG, "CART_URL"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, variables: dict[str, str], code: int, text: str) -> None:
    """What cannot work is said in one line with an exit code of its own, and no traceback."""
    refused = manage(tmp_path, "showmigrations", **variables)
    assert refused.returncode == code
    *_, line = refused.stderr.splitlines()
    assert text in line
    assert "Traceback" not in refused.stderr
    assert left(tmp_path) == []


def test_refuses_data_of_another_version(tmp_path: Path) -> None:
    """A folder that another PostgreSQL made is left alone."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/PG_VERSION").write_text("17\n")
    refused = manage(tmp_path, "showmigrations")
    assert refused.returncode == os.EX_CANTCREAT
    assert refused.stderr.splitlines() == [f"{tmp_path}/postgres was made by PostgreSQL 17, this is 18: move it away"]


def test_refuses_a_folder_of_another_user(tmp_path: Path) -> None:
    """Not even root works in someone else's folder: what it left there would lock the owner out."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 65534, 65534)
    refused = manage(tmp_path, "showmigrations")
    assert refused.returncode == os.EX_CANTCREAT
    assert refused.stderr == f"{tmp_path} belongs to user id 65534: run as that user, or set SHOP_VAR\n"


def test_refuses_a_taken_port(tmp_path: Path) -> None:
    """`serve` says which port is taken before it starts anything."""
    with socket(AF_INET, SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = manage(tmp_path, "serve", PORT=str(port))
    assert refused.returncode == os.EX_TEMPFAIL
    assert refused.stderr.splitlines() == [
        f"port {port} on 127.0.0.1: Address already in use; choose another with PORT=…"
    ]


def test_refuses_a_second_run(tmp_path: Path) -> None:
    """`serve` in a folder that is in use says so."""
    with holding(tmp_path):
        refused = manage(tmp_path, "serve", PORT="0")
    assert refused.returncode == os.EX_TEMPFAIL
    assert refused.stderr.startswith(f"{tmp_path} is in use by another command")


def test_topology_counts_only_while_its_owner_lives(tmp_path: Path) -> None:
    """A state file that a killed run left behind is not believed."""
    var = Var(tmp_path)
    var.make()
    var.topology_file.write_text(json.dumps({"base_url": "http://127.0.0.1:1"}))
    assert var.topology() == {}
    with var.owned():
        assert Var(tmp_path).topology() == {"base_url": "http://127.0.0.1:1"}
