"""Of all suites; those that know only HTTP run without Django, so it is imported where it is used."""

import pytest
from pytest_django import DjangoDbBlocker


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The database of the unit tests, which gets its tables back after each test that commits.

    ``_fixture_teardown`` is Django's private name for what happens then; it has no public one.
    """
    from django.test import TransactionTestCase

    from tests import tables

    with django_db_blocker.unblock():
        tables.remember()
    TransactionTestCase._fixture_teardown = lambda _: tables.restore()
