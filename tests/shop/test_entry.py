"""The image's entry point, as a container runs it: one process, told everything by its environment."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import urllib3

from shop import embedded, jobs, vitals
from shop.topology import Databases, free_ports

ROOT = Path(__file__).resolve().parents[2]
SERVER = Databases(os.environ["DATABASE_URL"])
ENTRY = [sys.executable, "-m", "shop.entry"]


def _environment(**settings: str) -> dict[str, str]:
    own = {"SERVICE_ROLE": "shipping", "SECRET_KEY": "test", "DATABASE_URL": SERVER.url("entry")}
    return {**os.environ, **own, **settings}


def _run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*ENTRY, *arguments], cwd=ROOT, env=_environment(**settings), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def database() -> Iterator[None]:
    """A role's own, migrated by the entry point."""
    embedded.create_databases(os.environ["DATABASE_URL"], [SERVER.name("entry")])
    done = _run("migrate", "-v", "0")
    assert done.returncode == 0, done.stderr
    yield
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(f'DROP DATABASE "{SERVER.name("entry")}" WITH (FORCE)')  # type: ignore[call-overload]


def test_an_unknown_command_is_one_line() -> None:
    done = _run("serve")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (64, "", 1)


def test_wait_ends_when_the_schema_is_there(database: None) -> None:
    assert _run("wait").returncode == 0


def test_wait_waits_for_the_schema() -> None:
    """A database without any migration is said once, and waited for."""
    with subprocess.Popen(
        [*ENTRY, "wait"],
        cwd=ROOT,
        env=_environment(DATABASE_URL=SERVER.url("") + "_none"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "waiting: database unreachable, or without any migration\n"
        assert process.poll() is None
        process.kill()


def test_a_worker_says_how_it_is_and_leaves_when_told(database: None) -> None:
    """Ready once it can work, however often it is asked; SIGTERM ends it with 0."""
    port = free_ports(1)[0]
    settings = _environment(MANAGEMENT_PORT=str(port), DB_POOL="3", WORKER_THREADS="1")
    with subprocess.Popen([*ENTRY, "worker"], cwd=ROOT, env=settings) as process:
        try:
            _until(port, "/ready", (200, {"status": "ready"}))
            assert {_answer(port, "/ready")[0] for _ in range(8)} == {200}  # more than its pool has connections
            assert _answer(port, "/health") == (200, {"status": "ok"})
            assert _answer(port, "/nothing") == (404, {})
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def _until(port: int, path: str, wanted: tuple[int, object]) -> None:
    end = time.monotonic() + 20
    while (found := _answer(port, path)) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def _answer(port: int, path: str) -> tuple[int, object]:
    end = time.monotonic() + 20
    while True:
        try:
            with urllib3.HTTPConnectionPool("127.0.0.1", port, retries=False, timeout=5) as own:  # as a kubelet asks
                answer = own.request("GET", path, headers={"Connection": "close"})
            return answer.status, json.loads(answer.data)
        except urllib3.exceptions.HTTPError:
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_worker_that_consumes_nothing_is_ill_while_the_broker_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away makes nobody ill: to start again would not help."""
    monkeypatch.setattr(jobs, "_begun_at", time.monotonic())
    assert vitals.silent() == ""
    monkeypatch.setattr(jobs, "_begun_at", time.monotonic() - 61)
    assert vitals.silent() == "no job has begun for 61 s"
    monkeypatch.setattr(vitals, "env", type("Env", (), {"redis_url": "redis://127.0.0.1:1"}))
    assert vitals.silent() == ""


def test_bootstrap_makes_a_login_that_owns_its_database_alone(tmp_path: Path) -> None:
    """A second run changes the password to the folder's, and nothing else."""
    login = tmp_path / "shop_bootstrapped"
    settings = {"BOOTSTRAP_DATABASE_URL": os.environ["DATABASE_URL"], "BOOTSTRAP_LOGINS_DIR": str(tmp_path)}
    try:
        for password, said in (("first", "login, database"), ("second", "there already")):
            login.write_text(password)
            done = _run("bootstrap", **settings)
            assert (done.returncode, done.stdout) == (0, f"shop_bootstrapped: {said}\n"), done.stderr
        with psycopg.connect(os.environ["DATABASE_URL"]) as server:
            owner, public = server.execute(
                "SELECT pg_get_userbyid(datdba), has_database_privilege('public', datname, 'CONNECT')"
                " FROM pg_database WHERE datname = 'shop_bootstrapped'"
            ).fetchone() or (None, None)
            assert (owner, public) == ("shop_bootstrapped", False)
            stored = server.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'shop_bootstrapped'").fetchone()
            assert stored
            assert stored[0].startswith("SCRAM-SHA-256$")
    finally:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
            server.execute("DROP DATABASE IF EXISTS shop_bootstrapped")
            server.execute("DROP ROLE IF EXISTS shop_bootstrapped")


def test_bootstrap_without_logins_is_one_line(tmp_path: Path) -> None:
    settings = {"BOOTSTRAP_DATABASE_URL": os.environ["DATABASE_URL"], "BOOTSTRAP_LOGINS_DIR": str(tmp_path)}
    done = _run("bootstrap", **settings)
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
