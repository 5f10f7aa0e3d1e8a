"""Keys as files."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from shop.identity import keyfiles
from shop.roles import OPERATOR, ROLES

NAMES = [*ROLES, OPERATOR]


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_every_role_and_the_operator_get_a_key(tmp_path: Path) -> None:
    """One private key each, readable by its owner only; the public halves in one JWK set without private parts."""
    folder = tmp_path / "services"
    assert keyfiles.make_service_keys(folder, NAMES) == NAMES
    published = json.loads((folder / keyfiles.PUBLIC).read_text())["keys"]
    assert sorted(jwk["kid"] for jwk in published) == sorted(NAMES)
    assert all("d" not in jwk for jwk in published)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.pem")} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    """A second run writes no file; a lost key alone is made again, and published."""
    keyfiles.make_service_keys(tmp_path, NAMES)
    before = _contents(tmp_path)
    assert keyfiles.make_service_keys(tmp_path, NAMES) == []
    assert _contents(tmp_path) == before
    (tmp_path / "order.pem").unlink()
    assert keyfiles.make_service_keys(tmp_path, NAMES) == ["order"]
    changed = {name for name, text in _contents(tmp_path).items() if before[name] != text}
    assert changed == {"order.pem", keyfiles.PUBLIC}


def test_two_runs_at_once_make_one_set(tmp_path: Path) -> None:
    """Whoever comes second finds the keys of the first; the token key that signs is the only one."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: keyfiles.make_service_keys(tmp_path / "s", NAMES), range(8)))
        kids = list(pool.map(lambda _: keyfiles.make_token_keys(tmp_path / "t"), range(8)))
    assert sorted(len(names) for names in made) == [0] * 7 + [len(NAMES)]
    assert [len(jwks) for jwks in kids].count(1) == 1
    assert len(list((tmp_path / "t").glob("*.pem"))) == 1


def test_a_published_key_verifies_what_its_private_key_signed(tmp_path: Path) -> None:
    """The two halves belong together."""
    kid = keyfiles.make_token_keys(tmp_path)[0]
    token = jwt.encode({"a": 1}, keyfiles.private_key(tmp_path / f"{kid}.pem"), algorithm="EdDSA")
    key = keyfiles.parse(keyfiles.public_set(tmp_path))[kid]
    assert jwt.decode(token, key, algorithms=["EdDSA"]) == {"a": 1}


def test_the_signing_key_cannot_be_withdrawn(tmp_path: Path) -> None:
    """Added, activated, and only then is the old one withdrawn; names that are no kid are refused."""
    old = keyfiles.make_token_keys(tmp_path)[0]
    with pytest.raises(keyfiles.KeyInUse):
        keyfiles.withdraw_token_key(tmp_path, old)
    new = keyfiles.add_token_key(tmp_path)
    assert keyfiles.active_kid(tmp_path) == old
    keyfiles.activate_token_key(tmp_path, new)
    keyfiles.withdraw_token_key(tmp_path, old)
    assert [jwk["kid"] for jwk in keyfiles.public_set(tmp_path)["keys"]] == [new]
    for kid in ("../active", "0" * 16, ""):
        with pytest.raises(keyfiles.NoSuchKey):
            keyfiles.activate_token_key(tmp_path, kid)


def test_make_keys_needs_no_database(tmp_path: Path) -> None:
    """The command works before any server exists."""
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql:///none?host=/nowhere",
        "SHOP_VAR": str(tmp_path),
        "SERVICE_KEYS_DIR": str(tmp_path / "services"),
        "TOKEN_KEYS_DIR": str(tmp_path / "tokens"),
    }
    command = [sys.executable, "manage.py", "make_keys"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "order" in made.stdout
    assert (tmp_path / "tokens" / keyfiles.ACTIVE).exists()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stdout == ""
