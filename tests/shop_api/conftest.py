"""Fixtures of the black-box suite; where the shop is, the environment says.

SHOP_BASE_URL, SHOP_OFFICE_URL (admin and API documents; in a mesh another address), SHOP_STAFF_EMAIL and
SHOP_STAFF_PASSWORD, SHOP_AUDIT (a command line), SHOP_METRICS (addresses of management ports, separated by
spaces): ``python -m tests.topology`` sets them.
"""

import os
import shlex
import subprocess
from collections.abc import Callable

import pytest

from tests.shop_api.client import Api, Shop

Audit = Callable[..., list[str]]


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The shop under test."""
    anyone = Api(os.environ["SHOP_BASE_URL"])
    signed_in = anyone.post(
        "/user/token", {"email": os.environ["SHOP_STAFF_EMAIL"], "password": os.environ["SHOP_STAFF_PASSWORD"]}
    )
    assert signed_in.status == 200, signed_in
    return Shop(anyone=anyone, staff=anyone.and_headers(Authorization=f"Bearer {signed_in.body['access']}"))


@pytest.fixture(scope="session")
def office() -> Api:
    """The address at which the shop has its admin and its API documents, for whoever asks."""
    return Api(os.environ["SHOP_OFFICE_URL"])


@pytest.fixture(scope="session")
def audit() -> Audit:
    """Run the audit after everything under way has ended; its lines, none when the books agree."""

    def run() -> list[str]:
        done = subprocess.run(
            [*shlex.split(os.environ["SHOP_AUDIT"]), "--drain"],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        assert bool(lines) == bool(done.returncode), (done.returncode, lines)
        return lines

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on the whole run comes last."""
    items.sort(key=lambda item: "last" in item.keywords)
