"""A pytest plugin (``-p tests.stack``): unit tests get servers of their own, unless DATABASE_URL names one,
by a superuser's login.

It acts when it is loaded, so before pytest-django reads the settings, and uses a new folder, so a
test run never sees what `make run` is doing beside it.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from shop import launch
from shop.exits import StartError

_stack = ExitStack()


def _start() -> None:
    if not os.environ.get("DATABASE_URL"):
        folder = Path(tempfile.mkdtemp(prefix="shop-test-"))
        folder.chmod(0o711)  # as root, the server's own user has to pass
        _stack.callback(shutil.rmtree, folder)
        os.environ["SHOP_VAR"] = str(folder)
    own = not os.environ.get("DATABASE_URL")
    try:
        _stack.enter_context(launch.environment(os.environ, "pytest"))
        if own:
            _hurry(os.environ["DATABASE_URL"])
    except StartError as refusal:
        _stack.close()
        raise pytest.UsageError(str(refusal)) from None


def _hurry(url: str) -> None:
    """Nothing here outlives the run, and every test's commits would wait for the disk."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


_start()


def pytest_unconfigure() -> None:
    """Stop the servers and remove their folder."""
    _stack.close()


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """Service and token keys, as `make run` makes them."""
    from django.core.management import call_command

    call_command("make_keys", verbosity=0)
