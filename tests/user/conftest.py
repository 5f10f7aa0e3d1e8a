import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from shop import context

PASSWORD = "correct horse battery"

Api = Callable[..., Any]


@pytest.fixture(scope="session", autouse=True)
def keys() -> None:
    """What a start of the shop makes."""
    call_command("make_keys")


@pytest.fixture(autouse=True)
def as_user() -> Iterator[None]:
    """Services are called on behalf of role user."""
    with context.working_as("user"):
        yield


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex[:12]}@example.com"


@pytest.fixture
def api() -> Api:
    """``api(method, path, body, access=...)``: one JSON request, as a client without cookies sends it."""

    def send(method: str, path: str, body: object = None, *, access: str = "", **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if access:
            sent["Authorization"] = f"Bearer {access}"
        data = b"" if body is None else json.dumps(body)
        return Client().generic(method, path, data, content_type="application/json", headers=sent)

    return send


@pytest.fixture
def registered(api: Api, email: str) -> str:
    """The e-mail address of a new account with PASSWORD."""
    made = api("POST", "/user/register", {"email": email, "password": PASSWORD, "name": "Ada"})
    assert made.status_code == 201, made.content
    return email


@pytest.fixture
def signed(api: Api, registered: str) -> dict[str, Any]:
    """The tokens of a new account."""
    body: dict[str, Any] = api("POST", "/user/token", {"email": registered, "password": PASSWORD}).json()
    return body
