"""Refresh tokens: rotation, reuse, repeats."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from apps.user import audit, sessions, tasks
from apps.user.models import RefreshToken, TokenFamily
from shop import context
from shop.audit import registry
from shop.identity.models import Account
from tests.user.conftest import Api

assert audit  # declares the rules

pytestmark = pytest.mark.django_db(transaction=True)


def _broken() -> list[tuple[str, str]]:
    found = []
    with connection.cursor() as cursor:
        for name, sql in registry.book_of("user").rules.items():
            cursor.execute(sql)
            found += [(name, row[0]) for row in cursor.fetchall()]
    return found


def _later(seconds: float) -> None:
    """Let time pass for every token."""
    ago = timedelta(seconds=seconds)
    RefreshToken.objects.update(expires_at=F("expires_at") - ago, ended_at=F("ended_at") - ago)


def _refresh(api: Api, token: str) -> Any:
    return api("POST", "/user/token/refresh", {"refresh": token})


@pytest.fixture
def first(signed: dict[str, Any]) -> Iterator[str]:
    yield signed["refresh"]
    assert _broken() == []


def test_a_token_is_exchanged_for_another(api: Api, first: str) -> None:
    """New tokens, which work in turn; nothing of a token is stored but its hash."""
    second = _refresh(api, first).json()
    assert second["refresh"] != first
    assert api("GET", "/user/me", access=second["access"]).status_code == 200
    assert _refresh(api, second["refresh"]).status_code == 200
    stored = [bytes(digest) for digest in RefreshToken.objects.values_list("digest", flat=True)]
    assert len(stored) == 3
    assert first.encode() not in stored


def test_a_lost_answer_may_be_repeated(api: Api, first: str) -> None:
    """The same successor again, so the client that asked twice goes on with either."""
    lost = _refresh(api, first).json()["refresh"]
    assert _refresh(api, first).json()["refresh"] == lost
    assert _refresh(api, lost).status_code == 200


def test_a_token_used_again_later_revokes_the_family(api: Api, first: str) -> None:
    """After the time for repeats it was copied: neither it nor its successor works."""
    second = _refresh(api, first).json()["refresh"]
    _later(sessions.REPEAT_S + 1)
    refused = _refresh(api, first)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (401, "invalid-refresh-token")
    assert _refresh(api, second).status_code == 401
    assert TokenFamily.objects.get().revoked_for == "reused"


def test_a_token_used_again_after_its_successor_revokes_the_family(api: Api, first: str) -> None:
    """However soon: whoever holds the successor has had the answer."""
    second = _refresh(api, first).json()["refresh"]
    third = _refresh(api, second).json()["refresh"]
    assert _refresh(api, first).status_code == 401
    assert _refresh(api, third).status_code == 401


def test_a_token_used_by_many_at_once_does_not_fork(api: Api, first: str) -> None:
    """All get the same successor; one token is live."""

    def refresh(_: int) -> str:
        answer = _refresh(api, first)
        connection.close()
        return str(answer.json()["refresh"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(refresh, range(16)))) == 1
    assert RefreshToken.objects.filter(ended_at=None).count() == 1


def test_another_sign_in_is_another_family(api: Api, first: str) -> None:
    """Revoking one leaves the other."""
    account = Account.objects.get()
    other = sessions._begin(account=account)
    assert api("POST", "/user/token/revoke", {"refresh": first}).status_code == 204
    assert _refresh(api, first).status_code == 401
    assert _refresh(api, other).status_code == 200


def test_signing_out(api: Api, first: str) -> None:
    """Any token of the family ends it; unknown ones are answered alike."""
    second = _refresh(api, first).json()["refresh"]
    for token in (first, first, "unknown"):
        assert api("POST", "/user/token/revoke", {"refresh": token}).status_code == 204
    assert _refresh(api, second).status_code == 401


def test_an_expired_token_is_refused_and_forgotten(api: Api, first: str) -> None:
    """It revokes nothing; the family goes once no token of it is unexpired."""
    second = _refresh(api, first).json()["refresh"]
    assert tasks.forget_expired() == 0
    _later(sessions.LIFETIME.total_seconds() + 60)
    assert _refresh(api, second).status_code == 401
    assert TokenFamily.objects.get().revoked_at is None
    assert tasks.forget_expired() == 1
    assert not RefreshToken.objects.exists()
    assert _refresh(api, second).status_code == 401


def test_an_inactive_account_is_not_refreshed(api: Api, first: str) -> None:
    """401, while it is inactive."""
    Account.objects.update(is_active=False)
    assert _refresh(api, first).status_code == 401
    Account.objects.update(is_active=True)
    assert _refresh(api, first).status_code == 200


@pytest.mark.parametrize(
    "sent", [{}, {"refresh": ""}, {"refresh": "x" * 101}, {"refresh": 7.5e300}, [], "x", {"refresh": {}}]
)
def test_bad_bodies(api: Api, sent: object) -> None:
    """400 or 401, never 500."""
    assert _refresh(api, "x").status_code == 401
    assert api("POST", "/user/token/refresh", sent).status_code in {400, 401}
    assert api("POST", "/user/token/revoke", sent).status_code in {400, 204}


class Rotation(RuleBasedStateMachine):
    """Clients and thieves use any tokens in any order, with time passing: a family never forks."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        TokenFamily.objects.all().delete()
        Account.objects.all().delete()
        self.account = Account.objects.create(email="ada@example.com", password="!")
        self.parent: dict[str, str] = {}
        self.used_at: dict[str, float] = {}
        self.revoked = False
        self.now = 0.0
        self.newest = sessions._begin(account=self.account)

    @rule(target=tokens)
    def current(self) -> str:
        return self.newest

    @rule(seconds=st.sampled_from([1, 20, 31]))
    def wait(self, seconds: int) -> None:
        _later(seconds)
        self.now += seconds

    @rule(target=tokens, token=tokens)
    def use(self, token: str) -> str:
        expected = self._expected(token)
        with context.working_as("user"):
            rotated = sessions._rotate(token=token)
        assert (rotated is not None) == expected
        if rotated is None:
            self.revoked = True
            return token
        successor = rotated[1]
        if token in self.used_at:
            assert successor == self.newest
        self.used_at.setdefault(token, self.now)
        self.parent[successor] = token
        self.newest = successor
        return successor

    def _expected(self, token: str) -> bool:
        if self.revoked:
            return False
        if token == self.newest:
            return True
        return self.parent[self.newest] == token and self.now - self.used_at[token] < sessions.REPEAT_S

    @invariant()
    def the_audit_is_silent(self) -> None:
        assert _broken() == []


class TestRotation(Rotation.TestCase, TransactionTestCase):  # type: ignore[misc,name-defined]
    settings = hypothesis_settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_each_rule_of_the_audit_names_what_is_broken(first: str) -> None:
    """Four rows corrupted by SQL, behind the constraints, are named; repaired, nothing is."""
    family = TokenFamily.objects.get()
    account = Account.objects.get()
    dead = TokenFamily.objects.create(account=account, revoked_at="2026-01-01T00:00:00Z", revoked_for="signed-out")
    RefreshToken.objects.create(family=dead, digest=b"dead", expires_at="2099-01-01T00:00:00Z")
    empty = TokenFamily.objects.create(account=account)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX token_family_one_live_token")
        cursor.execute("ALTER TABLE identity_account DROP CONSTRAINT account_email_lower_case")
    try:
        RefreshToken.objects.create(family=family, digest=b"second", expires_at="2099-01-01T00:00:00Z")
        twin = Account.objects.create(email=account.email.upper())
        assert sorted(_broken()) == sorted(
            [
                ("one_live_refresh_token", str(family.pk)),
                ("one_live_refresh_token", str(empty.pk)),
                ("revoked_family_is_dead", str(dead.pk)),
                ("one_account_per_email", str(account.pk)),
                ("one_account_per_email", str(twin.pk)),
            ]
        )
    finally:
        RefreshToken.objects.filter(digest__in=[b"second", b"dead"]).delete()
        Account.objects.exclude(pk=account.pk).delete()
        TokenFamily.objects.filter(pk__in=[empty.pk, dead.pk]).delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX token_family_one_live_token"
                " ON user_refreshtoken (family_id) WHERE ended_at IS NULL"
            )
            cursor.execute(
                "ALTER TABLE identity_account ADD CONSTRAINT account_email_lower_case CHECK (email = lower(email))"
            )
