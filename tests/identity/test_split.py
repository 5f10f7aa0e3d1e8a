"""A role served alone checks tokens with nothing but what user publishes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from shop.identity import tokens
from shop.identity.models import Account

VERIFY = """
import sys, django
django.setup()
from shop.errors import NoAnswer
from shop.identity import tokens
try:
    print(tokens.verify(sys.argv[1]).account_id)
except NoAnswer:
    print("no answer")
"""
NOWHERE = "http://127.0.0.1:1"


def _as_order(token: str, user_url: str, no_keys: Path) -> str:
    """What a fresh process of role order makes of ``token``."""
    settings = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SERVICE_ROLE": "order",
        "USER_URL": user_url,
        "TOKEN_KEYS_DIR": str(no_keys),
        "DATABASE_URL": f"postgresql://{settings['USER']}@/{settings['NAME']}?host={settings['HOST']}",
    }
    done = subprocess.run(
        [sys.executable, "-c", VERIFY, token], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.django_db(transaction=True)
def test_order_needs_no_private_keys_and_survives_a_restart_without_user(live_server: Any, tmp_path: Path) -> None:
    """Over HTTP, without TOKEN_KEYS_DIR. Before it has ever heard of a key, user's silence decides nothing;
    afterwards a new process accepts tokens while user is away."""
    account = Account(email="ada@example.com")
    token = tokens.mint(account)
    assert _as_order(token, NOWHERE, tmp_path / "none") == "no answer"
    assert _as_order(token, live_server.url, tmp_path / "none") == str(account.pk)
    assert _as_order(token, NOWHERE, tmp_path / "none") == str(account.pk)
