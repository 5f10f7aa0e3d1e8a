"""``python -m simulators.gateway.wait``: until the gateway's database lets it in, however long that takes."""

import sys
import time

import psycopg

from simulators.gateway.config import Config, ConfigError

_POLL_S = 1.0


def main() -> int:
    """Exit status 0 once it does; 1 with one line where a setting is wrong."""
    try:
        url = Config.from_environ().database_url
    except ConfigError as exc:
        print(f"payment gateway: cannot wait: {exc}", file=sys.stderr)
        return 1
    said = ""
    while found := _problem(url):
        if found != said:
            print(f"waiting: {found}", flush=True)
            said = found
        time.sleep(_POLL_S)
    return 0


def _problem(url: str) -> str:
    """Why nobody gets in: the server, the login or the database is not there yet. Empty when nothing is wrong."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as exc:
        return str(exc).strip().partition("\n")[0]
    return ""


if __name__ == "__main__":
    sys.exit(main())
