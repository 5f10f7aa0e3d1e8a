"""One run on this machine: which addresses its processes have, and how they learn them."""

import http.client
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import Any
from urllib.parse import urlsplit

from shop.exits import Busy
from shop.launch import DATABASE, Launch, local_settings
from shop.roles import ROLES

LOOPBACK = "127.0.0.1"
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104  # compared with, not listened on
_ASK_S = 1.0  # a readiness check must not hold up the supervisor for longer


@dataclass(frozen=True)
class Ports:
    """Where one web process listens."""

    main: int
    management: int

    @property
    def url(self) -> str:
        return address(LOOPBACK, self.main)

    @property
    def management_url(self) -> str:
        return address(LOOPBACK, self.management)


class Databases:
    """The databases of one run, all on one server: its own for "", ``<its own>_<suffix>`` otherwise."""

    def __init__(self, server: str) -> None:
        self._parts = urlsplit(server)

    def name(self, suffix: str) -> str:
        own = self._parts.path.lstrip("/") or DATABASE
        return f"{own}_{suffix}" if suffix else own

    def url(self, suffix: str) -> str:
        """libpq's address. Put together by hand: urlunsplit drops the empty host of postgresql:///shop."""
        query = f"?{self._parts.query}" if self._parts.query else ""
        return f"{self._parts.scheme}://{self._parts.netloc}/{self.name(suffix)}{query}"


@dataclass(frozen=True, kw_only=True)
class Topology:
    """What all processes of one run must agree on; decided before the first of them starts.

    ``web`` has the ports of each role that runs alone; of the one process, under "", otherwise.
    """

    launch: Launch
    port: int
    web: Mapping[str, Ports]
    gateway_port: int
    smtp_port: int
    mailbox_port: int
    databases: Databases
    redis_url: str

    @property
    def kind(self) -> str:
        """ "one" or "split"."""
        return "one" if "" in self.web else "split"

    @property
    def base_url(self) -> str:
        """Where clients find the shop."""
        return address(self.launch.host, self.port)

    @property
    def gateway_url(self) -> str:
        return address(LOOPBACK, self.gateway_port)

    @property
    def mailbox_url(self) -> str:
        return address(LOOPBACK, self.mailbox_port)

    def shared_environment(self) -> dict[str, str]:
        """What every process of the shop is told, whichever its role."""
        found = {
            **local_settings(self.launch),
            "REDIS_URL": self.redis_url,
            "GATEWAY_URL": self.gateway_url,
            "SMTP_URL": f"smtp://{LOOPBACK}:{self.smtp_port}",
            "MAILBOX_URL": self.mailbox_url,
            "BASE_URL": self.base_url,
        }
        if self.kind == "split":
            return found | {f"{role.upper()}_URL": ports.url for role, ports in self.web.items()}
        return found | self._own("")

    def environment(self, role: str) -> dict[str, str]:
        """The whole environment of a process of ``role``; of the one process for ""."""
        inherited = {key: value for key, value in self.launch.given.items() if key != "SERVICE_ROLE"}
        own = {"SERVICE_ROLE": role, **self._own(role)} if role else {}
        return inherited | self.shared_environment() | own

    def _own(self, role: str) -> dict[str, str]:
        """A role's own database, and the folder its processes count in together."""
        return {"DATABASE_URL": self.databases.url(role), "PROMETHEUS_MULTIPROC_DIR": str(self.metrics(role))}

    def metrics(self, role: str) -> Path:
        """Where web and worker of ``role`` leave their samples for ``/metrics``."""
        return self.launch.var.run / "metrics" / (role or "shop")

    def outside_environment(self) -> dict[str, str]:
        """For the outside companies: what the caller set, without the shop's own addresses and secrets."""
        shared = self.shared_environment()
        private = {*shared, "SERVICE_ROLE", "DATABASE_URL"}
        given = {key: value for key, value in self.launch.given.items() if key not in private}
        return given | {
            "GATEWAY_KEY": shared["GATEWAY_KEY"],
            "GATEWAY_DATABASE_URL": self.databases.url("gateway"),
        }

    def description(self, processes: Mapping[str, int]) -> dict[str, Any]:
        """What ``var/run/topology.json`` says. ``processes`` are pids at the start; later ones by control."""
        shared = self.shared_environment()
        return {
            "kind": self.kind,
            "base_url": self.base_url,
            "control": str(self.launch.var.sockets / "control.sock"),
            "environment": shared,
            "gateway": {
                "url": self.gateway_url,
                "key": shared["GATEWAY_KEY"],
                "database_url": self.databases.url("gateway"),
            },
            "mailbox_url": self.mailbox_url,
            "roles": {role: self._role(role) for role in ROLES},
            "processes": dict(processes),
        }

    def _role(self, role: str) -> dict[str, str]:
        ports = self.web.get(role) or self.web[""]
        return {
            "url": ports.url,
            "management_url": ports.management_url,
            "database_url": self.databases.url(role if role in self.web else ""),
        }


def address(host: str, port: int) -> str:
    """A base URL. A wildcard listens everywhere, and is reached by name."""
    return f"http://{'localhost' if host in _WILDCARDS else host}:{port}"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. Held together while they are looked for, so that no two are the same."""
    with ExitStack() as held:
        found = []
        for _ in range(count):
            probe = held.enter_context(socket(AF_INET, SOCK_STREAM))
            probe.bind((LOOPBACK, 0))
            found.append(probe.getsockname()[1])
    return found


def require_free(host: str, port: int, name: str) -> None:
    """Raises Busy when ``port``, which the variable ``name`` chooses, cannot be listened on."""
    with socket(AF_INET, SOCK_STREAM) as probe:
        probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # as servers do: a port just left is free
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Busy(f"port {port} on {host}: {error.strerror}; choose another with {name}=…") from None


def responds(url: str, *, statuses: Iterable[int] = (200,)) -> bool:
    """Whether a GET of ``url`` is answered now, with one of ``statuses``."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ASK_S)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status in statuses
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
