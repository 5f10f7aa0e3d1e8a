"""How a process reaches its PostgreSQL."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from shop.env import ConfigError


def configuration(url: str, *, pool_size: int) -> dict[str, Any]:
    """Django's settings for ``url`` (libpq's URI form, a socket folder as ``?host=``).

    An empty URL gives settings that name no server: commands that need none still start.
    Raises ConfigError for another engine.
    """
    parts = urlsplit(url or "postgresql:///shop")
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ConfigError(f"DATABASE_URL: PostgreSQL is the one engine, not {parts.scheme!r}")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "shop",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,  # the pool keeps connections; Django refuses both
        "CONN_HEALTH_CHECKS": True,  # one round trip, so that a restarted server costs no request
        "OPTIONS": {
            **options,
            "pool": {"min_size": 0, "max_size": pool_size, "timeout": 2.0},  # seconds; then 503
            "connect_timeout": 3,
            "server_side_binding": True,  # lets the server keep the plans of repeated statements
            "prepare_threshold": 5,
        },
    }
