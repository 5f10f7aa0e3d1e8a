"""What is set up around a command before Django's settings are read.

``manage.py`` alone calls this. A command that needs a database uses, in this order: the one that
DATABASE_URL names, the one of the stack that runs in this checkout, one started for the command.
"""

import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shop.exits import Busy, ConfigError
from shop.roles import OPERATOR
from shop.var import Var

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "shop"  # of one process; a role's is shop_<role>
SUPERVISED = {"serve", "split", "runserver"}  # start and stop their servers themselves
OFFLINE = {"help", "version", "check", "make_keys", "collectstatic", "spectacular", "diffsettings"}
OPERATORS = {"audit", "doctor"}  # beside a split they speak to the roles, under the operator's key
_START_S = 60  # the longest first start seen on a slow disk is a tenth of it


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What the environment says about starting processes; ``given`` is all of it."""

    given: Mapping[str, str]
    var: Var
    host: str
    port: int  # 0: a free one
    management_port: int | None  # None: a free one

    @property
    def database_url(self) -> str:
        """Of a server of one's own; empty: embedded."""
        return self.given.get("DATABASE_URL", "")

    @property
    def redis_url(self) -> str:
        """Of a server of one's own; empty: embedded."""
        return self.given.get("REDIS_URL", "")


def read(source: Mapping[str, str]) -> Launch:
    """Raises ConfigError."""
    management = _port(source, "MANAGEMENT_PORT", "")
    return Launch(
        given=dict(source),
        var=Var(Path(source.get("SHOP_VAR") or ROOT / "var")),
        host=source.get("HOST") or "127.0.0.1",
        port=_port(source, "PORT", "8000") or 0,
        management_port=management or None,
    )


def _port(source: Mapping[str, str], key: str, default: str) -> int | None:
    text = source.get(key) or default
    if not text:
        return None
    if not text.isdecimal() or int(text) > 65535:
        raise ConfigError(f"{key}={text!r} is not a port number")
    return int(text)


def local_settings(launch: Launch) -> dict[str, str]:
    """Keys and secrets: those given, else this checkout's own, which the first call makes."""
    launch.var.make()
    keys, given = launch.var.keys, launch.given
    return {
        "SHOP_VAR": str(launch.var.root),
        "SERVICE_KEYS_DIR": given.get("SERVICE_KEYS_DIR") or str(keys / "services"),
        "TOKEN_KEYS_DIR": given.get("TOKEN_KEYS_DIR") or str(keys / "tokens"),
        "MEDIA_DIR": given.get("MEDIA_DIR") or str(launch.var.root / "media"),
        "SECRET_KEY": given.get("SECRET_KEY") or _secret(keys / "secret"),
        "GATEWAY_KEY": given.get("GATEWAY_KEY") or _secret(keys / "gateway"),
    }


def _secret(path: Path) -> str:
    """The secret kept in ``path``. Made aside and linked: two commands at once get the same one."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
        fresh.unlink()
    return path.read_text()


@contextmanager
def environment(environ: MutableMapping[str, str], command: str) -> Iterator[None]:
    """Complete ``environ`` for ``command``, with servers for as long as the block lasts.

    Raises StartError.
    """
    launch = read(environ)
    environ.update(local_settings(launch))
    if _needs_no_server(launch, command):
        yield
        return
    with ExitStack() as stack:
        environ.update(stack.enter_context(_servers(launch, command)))
        yield


def _needs_no_server(launch: Launch, command: str) -> bool:
    """Also where the caller gave the operator's role: it speaks to the roles alone."""
    return command in SUPERVISED | OFFLINE or command.startswith("-") or launch.given.get("SERVICE_ROLE") == OPERATOR


@contextmanager
def _servers(launch: Launch, command: str) -> Iterator[dict[str, str]]:
    """Addresses of reachable servers, as environment variables."""
    from shop import embedded  # psycopg takes 0.1 s to import; the offline commands need none

    if launch.database_url and launch.redis_url:
        embedded.create_databases(launch.database_url, [])  # says in one line if it cannot be reached
        yield {}
        return
    var, deadline = launch.var, time.monotonic() + _START_S
    while time.monotonic() < deadline:
        with var.owned() as ours:
            if ours:
                with _own_servers(launch) as addresses:
                    yield addresses
                    var.wait_for_attached(lambda: _notice("other commands still use the database; waiting for them"))
                return
        with var.attached():
            if addresses := _running(launch, command):
                yield addresses
                return
        time.sleep(0.1)
    raise Busy(f"what is starting in {var.root} is not ready after {_START_S} s")


@contextmanager
def _own_servers(launch: Launch) -> Iterator[dict[str, str]]:
    from shop import embedded
    from shop.children import Records

    Records(launch.var.run / "children.json").sweep()
    launch.var.make_sockets()
    postgres, valkey = embedded.Postgres(launch.var), embedded.Valkey(launch.var)
    wanted = []
    if not launch.database_url:
        wanted.append(postgres.prepare(progress=_notice))
    if not launch.redis_url:
        wanted.append(valkey.prepare())
    with embedded.temporary(launch.var, wanted):
        yield _embedded_addresses(launch)


def _running(launch: Launch, command: str) -> dict[str, str]:
    """Addresses of what runs in this checkout; empty while it is not ready."""
    from shop import embedded

    topology = launch.var.topology()
    if topology:
        return _of_topology(launch, topology, command)
    if embedded.Postgres(launch.var).answers() and embedded.Valkey(launch.var).answers():
        return _embedded_addresses(launch)
    return {}


def _of_topology(launch: Launch, topology: Mapping[str, Any], command: str) -> dict[str, str]:
    """What a command beside `serve` or `split` has to know. Raises ConfigError."""
    role = launch.given.get("SERVICE_ROLE", "")
    found = dict(topology["environment"])
    if topology["kind"] == "split":
        if not role and command not in OPERATORS:
            raise ConfigError(f"eight services run here: say whose database {command} is to use by SERVICE_ROLE")
        role = role or OPERATOR
        found["SERVICE_ROLE"] = role
    if role in topology["roles"]:
        found["DATABASE_URL"] = topology["roles"][role]["database_url"]
    return {key: value for key, value in found.items() if not launch.given.get(key)}


def _notice(text: str) -> None:
    sys.stderr.write(f"{text}\n")  # stdout is the command's


def _embedded_addresses(launch: Launch) -> dict[str, str]:
    from shop import embedded

    postgres, valkey = embedded.Postgres(launch.var), embedded.Valkey(launch.var)
    role = launch.given.get("SERVICE_ROLE")
    name = f"{DATABASE}_{role}" if role else DATABASE
    found = {}
    if not launch.database_url:
        embedded.create_databases(postgres.url("postgres"), [name])
        found["DATABASE_URL"] = postgres.url(name)
    if not launch.redis_url:
        found["REDIS_URL"] = valkey.url
    return found
