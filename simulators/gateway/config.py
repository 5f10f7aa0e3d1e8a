"""The gateway's settings: read from the environment once, checked at start."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class ConfigError(Exception):
    """A setting is missing or malformed; the message names it and never shows its value."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """All that the process takes from its environment."""

    database_url: str  # GATEWAY_DATABASE_URL
    api_key: str  # GATEWAY_KEY
    failure_rate: float = 0.10  # PAYMENT_FAILURE_RATE: share of tok_visa that is declined
    seed: str = "shop"  # PAYMENT_SEED: same seed and references, same declines
    hang_s: float = 5.0  # GATEWAY_HANG_S: how long tok_timeout_then_ok keeps its client waiting
    outage_s: float = 90.0  # GATEWAY_OUTAGE_S: how long tok_unavailable is refused, from a key's first use

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read every setting. Raises ConfigError."""
        rate = _number(environ, "PAYMENT_FAILURE_RATE", cls.failure_rate)
        if rate > 1:
            raise ConfigError("PAYMENT_FAILURE_RATE must be between 0 and 1")
        return cls(
            database_url=_required(environ, "GATEWAY_DATABASE_URL"),
            api_key=_required(environ, "GATEWAY_KEY"),
            failure_rate=rate,
            seed=environ.get("PAYMENT_SEED") or cls.seed,
            hang_s=_number(environ, "GATEWAY_HANG_S", cls.hang_s),
            outage_s=_number(environ, "GATEWAY_OUTAGE_S", cls.outage_s),
        )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise ConfigError(f"{name} is not set")
    return value


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:  # also refuses nan
        raise ConfigError(f"{name} must be a number, zero or more")
    return value
