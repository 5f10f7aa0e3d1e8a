import pytest


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> None:
    """The database of the unit tests, which gets its tables back after each test that commits."""
    from django.test import TransactionTestCase

    from tests import tables

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        tables.remember()
    TransactionTestCase._fixture_teardown = lambda _: tables.restore()  # type: ignore[attr-defined]
