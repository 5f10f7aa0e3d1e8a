"""The command that writes the gateways' RequestAuthentication from a JWK set."""

import json
import subprocess
import sys
from pathlib import Path

from deploy import documents
from shop.identity import keyfiles


def _run(*arguments: str, keys: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deploy.authentication", *arguments]
    return subprocess.run(command, input=keys, capture_output=True, text=True, check=False)


def test_it_says_the_keys_and_nothing_is_taken_from_an_address(tmp_path: Path) -> None:
    (kid,) = keyfiles.make_token_keys(tmp_path)
    done = _run("aks-istio-ingress", keys=json.dumps(keyfiles.public_set(tmp_path)))
    assert (done.returncode, done.stderr) == (0, "")
    made = documents.only(done.stdout)
    assert made["metadata"]["namespace"] == "aks-istio-ingress"
    (rule,) = made["spec"]["jwtRules"]
    assert [jwk["kid"] for jwk in json.loads(rule["jwks"])["keys"]] == [kid]
    assert [header["name"] for header in rule["fromHeaders"]] == ["Authorization"]
    assert "fromParams" not in rule


def test_what_is_no_set_of_public_keys_is_refused_in_one_line() -> None:
    private = json.dumps({"keys": [{"kty": "OKP", "kid": "a", "d": "secret"}]})
    for keys in ("", "[]", "{}", '{"keys": []}', '{"keys": [{}]}', '{"keys": ["a"]}', private):
        done = _run("istio-ingress", keys=keys)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1), (keys, done)
        assert "secret" not in done.stderr
    assert _run(keys="{}").returncode == 1
