"""Beat under its lease: one sends, whoever else runs it."""

import os

import psycopg
import pytest

from shop import beat

URL = os.environ["DATABASE_URL"]


@pytest.fixture
def leases() -> "list[beat.Lease]":
    return [beat.Lease(URL), beat.Lease(URL)]


def test_one_holds_it_until_it_gives_it_back(leases: list[beat.Lease]) -> None:
    first, second = leases
    assert (first.held(), second.held()) == (True, False)
    assert (first.held(), second.held()) == (True, False)
    first.release()
    assert (second.held(), first.held()) == (True, False)
    second.release()


def test_a_session_that_ends_loses_it_before_another_has_it(leases: list[beat.Lease]) -> None:
    """However it ends: the holder asks before each sweep, so no two send the same."""
    first, second = leases
    assert first.held()
    with psycopg.connect(URL, autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s",
            [beat._LEASE & 0xFFFFFFFF],
        )
    while not second.held():
        pass
    assert not first.held()
    second.release()


def test_without_a_database_nobody_holds_it() -> None:
    assert not beat.Lease("postgresql://nobody@127.0.0.1:1/none").held()
