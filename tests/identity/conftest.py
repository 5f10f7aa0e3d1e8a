from collections.abc import Iterator

import pytest
from django.core.management import call_command

from shop import context
from shop.identity import credentials, keyring, tokens


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """What a start of the shop makes."""
    call_command("make_keys")


@pytest.fixture(autouse=True)
def fresh_start() -> Iterator[None]:
    """Each test begins like a process: nothing remembered, working for role user."""
    for remembered in (keyring.of, tokens._verified, tokens._private_key, credentials._verified, credentials._minted):
        remembered.cache_clear()
    with context.working_as("user"):
        yield
