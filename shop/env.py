"""What the process takes from its environment: read once, checked, typed.

Nothing else reads ``os.environ``: a ruff rule bans it outside this module and the entry points
that set it for child processes.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from shop.exits import ConfigError as ConfigError
from shop.roles import OPERATOR, ROLES

N = TypeVar("N", int, float)
ROOT = Path(__file__).resolve().parent.parent
_DAY_S = 86400


@dataclass(frozen=True, kw_only=True)
class Env:
    """One process's settings. Durations are seconds and end in ``_s``."""

    role: str | None = None  # None: one process serves every role
    version: str = "v1"
    database_url: str = ""
    redis_url: str = ""
    peers: Mapping[str, str] = field(default_factory=dict)  # role -> base address; empty in one process
    secret_key: str = ""
    service_keys: Path = ROOT / "var/keys/services"
    token_keys: Path = ROOT / "var/keys/tokens"
    media: Path = ROOT / "var/media"  # pictures, where the storage is a folder
    media_storage: str = "django.core.files.storage.FileSystemStorage"  # or another backend's class
    media_options: Mapping[str, object] = field(default_factory=dict)  # of another backend
    fetch_private: bool = False  # fetch pictures from private addresses too; only where nobody else can name one
    allowed_hosts: tuple[str, ...] = ("*",)
    management_port: int = 8001
    https: bool = False  # behind TLS: secure cookies, HSTS
    mesh: bool = False  # under Istio: the sidecar retries, so the client must not

    gateway_url: str = "http://127.0.0.1:8090"
    gateway_key: str = ""
    smtp_url: str = "smtp://127.0.0.1:1025"
    mailbox_url: str = ""  # development mail sink; empty: no mailbox page
    mail_from: str = "shop@example.com"
    staff_email: str = "warehouse@example.com"  # hears of low stock
    currency: str = "EUR"

    worker_threads: int = 8  # a job waits most of the time: for a peer, the database, or more to do
    db_pool: int = 12  # connections of one process at most
    peer_timeout_s: float = 2.0  # longest wait for one call to another role
    gateway_timeout_s: float = 1.2  # below the budget of an order's synchronous part
    order_budget_s: float = 1.5  # synchronous part of placing an order; below the mesh's 2 s per try
    pending_deadline_s: float = 60  # an order without a decided authorisation is rejected after this
    reservation_lifetime_s: float = 300  # longer than the pending deadline
    lease_s: float = 30  # longer than one batch of work may take
    backoff_cap_s: float = 30
    quote_lifetime_s: float = 1800
    fulfilment_delay_s: float = 10  # in which a confirmed order can still be cancelled
    park_after_s: float = 86400  # a step without an answer for this long parks the order
    carrier_speed: float = 1  # divides the simulated carrier's travelling times
    changes_kept_s: float = 365 * 86400  # of the history of what staff change
    sweep_s: float = 2  # finds what a lost wake-up left behind
    demo_pictures: int = 1000  # drawn at a first start, at most
    faults: Path | None = None  # folder of armed faults; None: the hooks do nothing

    @property
    def serves(self) -> tuple[str, ...]:
        """Roles whose URLs and tasks this process has."""
        return (self.role,) if self.role else tuple(ROLES)

    @property
    def storage_options(self) -> Mapping[str, object]:
        """What the storage of pictures is made with."""
        folder = {"location": self.media} if self.media_storage == Env.media_storage else {}
        return {**folder, **self.media_options}

    @property
    def broker_url(self) -> str:
        """``redis_url`` in Celery's spelling."""
        return self.redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


_FLOATS = {
    "PEER_TIMEOUT_S": "peer_timeout_s",
    "GATEWAY_TIMEOUT_S": "gateway_timeout_s",
    "ORDER_BUDGET_S": "order_budget_s",
    "PENDING_DEADLINE_S": "pending_deadline_s",
    "RESERVATION_LIFETIME_S": "reservation_lifetime_s",
    "LEASE_S": "lease_s",
    "BACKOFF_CAP_S": "backoff_cap_s",
    "QUOTE_LIFETIME_S": "quote_lifetime_s",
    "FULFILMENT_DELAY_S": "fulfilment_delay_s",
    "PARK_AFTER_S": "park_after_s",
    "CARRIER_SPEED": "carrier_speed",
    "CHANGES_KEPT_S": "changes_kept_s",
    "SWEEP_S": "sweep_s",
}
_TEXTS = {
    "SERVICE_VERSION": "version",
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "SECRET_KEY": "secret_key",
    "GATEWAY_URL": "gateway_url",
    "GATEWAY_KEY": "gateway_key",
    "SMTP_URL": "smtp_url",
    "MAILBOX_URL": "mailbox_url",
    "MAIL_FROM": "mail_from",
    "STAFF_EMAIL": "staff_email",
    "CURRENCY": "currency",
    "MEDIA_STORAGE": "media_storage",
}
_INTEGERS = {
    "MANAGEMENT_PORT": "management_port",
    "WORKER_THREADS": "worker_threads",
    "DB_POOL": "db_pool",
    "DEMO_PICTURES": "demo_pictures",
}
_PATHS = {
    "SERVICE_KEYS_DIR": "service_keys",
    "TOKEN_KEYS_DIR": "token_keys",
    "FAULTS_DIR": "faults",
    "MEDIA_DIR": "media",
}


def read(source: Mapping[str, str]) -> Env:
    """The environment as an Env. Raises ConfigError, with one line, for anything malformed."""
    role = source.get("SERVICE_ROLE") or None
    if role is not None and role not in {*ROLES, OPERATOR}:
        raise ConfigError(f"SERVICE_ROLE={role}: no such role; one of {', '.join(ROLES)}")
    values: dict[str, object] = {"role": role, "peers": _peers(source, role)}
    values |= {name: source[key] for key, name in _TEXTS.items() if key in source}
    values |= {name: Path(source[key]) for key, name in _PATHS.items() if source.get(key)}
    values |= {name: _number(source, key, int) for key, name in _INTEGERS.items() if key in source}
    values |= {name: _number(source, key, float) for key, name in _FLOATS.items() if key in source}
    values["mesh"] = source.get("MESH") == "istio"
    values["fetch_private"] = source.get("FETCH_PRIVATE") == "1"
    values["media_options"] = _object(source, "MEDIA_OPTIONS")
    values["https"] = source.get("HTTPS") == "1"
    if hosts := source.get("ALLOWED_HOSTS"):
        values["allowed_hosts"] = tuple(hosts.split(","))
    return _checked(Env(**values))  # type: ignore[arg-type]  # names and types are those of the tables above


def _peers(source: Mapping[str, str], role: str | None) -> dict[str, str]:
    if role is None:
        return {}
    peers = {}
    for name in ROLES:
        key = f"{name.upper()}_URL"
        address = source.get(key, f"http://{name}-service:8000")
        if not address.startswith(("http://", "https://")):
            raise ConfigError(f"{key}={address!r}: the address of {name} is missing or not an http(s) URL")
        peers[name] = address.rstrip("/")
    return peers


def _object(source: Mapping[str, str], key: str) -> dict[str, object]:
    try:
        value = json.loads(source.get(key) or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigError(f"{key} is not a JSON object")
    return value


def _number(source: Mapping[str, str], key: str, kind: type[N]) -> N:
    try:
        value = kind(source[key])
    except ValueError:
        raise ConfigError(f"{key}={source[key]!r} is not a number") from None
    if not 0 <= value < float("inf"):
        raise ConfigError(f"{key}={source[key]!r} must be zero or more, and finite")
    return value


def _checked(env: Env) -> Env:
    if env.pending_deadline_s >= env.reservation_lifetime_s:
        raise ConfigError("PENDING_DEADLINE_S must be shorter than RESERVATION_LIFETIME_S")
    if env.changes_kept_s < _DAY_S:
        raise ConfigError(f"CHANGES_KEPT_S must be a day ({_DAY_S}) or more")
    if env.carrier_speed == 0:
        raise ConfigError("CARRIER_SPEED must be more than zero")
    return env


env = read(os.environ)
