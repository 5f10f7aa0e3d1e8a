import pytest
from django.core.management import call_command


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """Service and token keys, as `make run` makes them."""
    call_command("make_keys", verbosity=0)
