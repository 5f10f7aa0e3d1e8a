from collections.abc import Iterator

import pytest

from shop import context
from shop.identity.models import Account
from tests.order.world import Tuned


@pytest.fixture(autouse=True)
def at_work() -> Iterator[None]:
    """Each test works for role user and says of nobody that he acts."""
    with context.working_as("user"):
        yield
    context.staff_actor.set("")
    context.change_source.set("")


@pytest.fixture
def tuned() -> Iterator[Tuned]:
    change = Tuned()
    yield change
    change.restore()


@pytest.fixture
def boss(transactional_db: None) -> Account:
    """An administrator."""
    return Account.objects.create_superuser(email="boss@example.com", password="x", name="Boss")
