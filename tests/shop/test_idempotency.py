"""Idempotency keys: one effect per key, whatever arrives at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from shop.idempotency import keys
from shop.identity.models import TokenKey
from shop.problems import Problem
from shop.transactions import command

pytestmark = pytest.mark.django_db(transaction=True)


def _request(body: dict[str, Any], key: str | None, path: str = "/x") -> Request:
    from rest_framework.parsers import JSONParser

    headers = {"Idempotency-Key": key} if key else {}
    return Request(APIRequestFactory().post(path, body, format="json", headers=headers), parsers=[JSONParser()])


@command
def _make(kid: str) -> TokenKey:
    return TokenKey.objects.create(kid=kid, jwk={})


def _perform(request: Request, kid: str, *, required: bool = True) -> Response:
    return keys.perform(
        request,
        lambda: _make(kid),
        lambda made: Response({"kid": made.kid}),
        find=lambda pk: TokenKey.objects.get(pk=pk),
        required=required,
    )


def test_a_repeat_replays() -> None:
    """Same key and body: the outcome of the first, marked as a replay; no second effect."""
    first = _perform(_request({"a": 1}, "k"), "one")
    again = _perform(_request({"a": 1}, "k"), "two")
    assert again.data == first.data == {"kid": "one"}
    assert again["Idempotency-Replayed"] == "true"
    assert TokenKey.objects.count() == 1


def test_another_body_under_the_same_key_is_refused() -> None:
    """422, and no effect."""
    _perform(_request({"a": 1}, "k"), "one")
    with pytest.raises(Problem) as refused:
        _perform(_request({"a": 2}, "k"), "two")
    assert (refused.value.status_code, refused.value.slug) == (422, "idempotency-key-reused")
    assert TokenKey.objects.count() == 1


def test_a_missing_or_endless_key_is_refused_where_one_is_required() -> None:
    """400 before anything is done."""
    for key in (None, "x" * 256):
        with pytest.raises(Problem) as refused:
            _perform(_request({}, key), "one")
        assert refused.value.status_code == 400
    assert TokenKey.objects.count() == 0


def test_a_key_belongs_to_its_route() -> None:
    """The same key on another path is another key."""
    _perform(_request({}, "k"), "one")
    _perform(_request({}, "k", path="/y"), "two")
    assert TokenKey.objects.count() == 2


def test_a_failure_keeps_no_key() -> None:
    """What raised left nothing behind, so the key runs again."""
    TokenKey.objects.create(kid="one", jwk={})
    with pytest.raises(Exception, match="duplicate key"):
        _perform(_request({}, "k"), "one")
    assert "Idempotency-Replayed" not in _perform(_request({}, "k"), "two")


def test_fifty_at_once_have_one_effect() -> None:
    """Fifty threads, one key: one row, fifty equal answers."""

    def run(number: int) -> Any:
        try:
            return _perform(_request({"a": 1}, "k"), f"made-{number}").data["kid"]
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = set(pool.map(run, range(50)))
    assert len(answers) == 1
    assert TokenKey.objects.count() == 1
