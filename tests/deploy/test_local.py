"""The Secrets of an installation of one's own."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from deploy import documents, secrets
from deploy.certificates import Authority
from deploy.local import Installation
from shop.env import read
from shop.roles import ROLES

Manifests = dict[tuple[str, str], dict[str, str]]


def _made(folder: Path) -> Manifests:
    path = Installation(folder).write(["shop.test"])
    assert path.stat().st_mode & 0o077 == 0  # whoever else is on this machine
    return {
        (found["metadata"]["namespace"], found["metadata"]["name"]): _values(found)
        for found in documents.of(path.read_text())
    }


def _values(found: dict[str, Any]) -> dict[str, str]:
    if found["kind"] == "RequestAuthentication":
        return {"jwks": found["spec"]["jwtRules"][0]["jwks"]}
    if found["kind"] != "Secret":
        return dict(found["data"])
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def test_every_secret_that_pods_expect_is_made(tmp_path: Path) -> None:
    made = _made(tmp_path / "kubernetes")
    for name, keys in secrets.of_shop().items():
        assert set(keys) <= set(made["shop", name]), name


def test_a_second_call_changes_certificates_alone(tmp_path: Path) -> None:
    """What pods, databases and clients rest on stays."""
    first, second = _made(tmp_path / "kubernetes"), _made(tmp_path / "kubernetes")
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {name for name in first if name[1].endswith("-tls")}


def test_the_gateways_know_the_public_half_of_what_signs_user_tokens(tmp_path: Path) -> None:
    made = _made(tmp_path / "kubernetes")
    keys = made["shop", "user-token-keys"]
    known = json.loads(made["istio-ingress", "user-tokens"]["jwks"])["keys"]
    assert [f"{jwk['kid']}.pem" for jwk in known] == [name for name in keys if name != "active"]
    assert all("d" not in jwk for jwk in known)


@pytest.mark.parametrize("gateway", ["istio-ingressgateway", "istio-internalgateway"])
def test_the_certificate_is_both_gateways(tmp_path: Path, gateway: str) -> None:
    made = _made(tmp_path / "kubernetes")
    served = x509.load_pem_x509_certificate(made["istio-ingress", "shop-tls"]["tls.crt"].encode())
    names = served.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert f"{gateway}.istio-ingress.svc.cluster.local" in names.get_values_for_type(x509.DNSName)
    assert "shop.test" in names.get_values_for_type(x509.DNSName)


def test_a_private_half_is_in_its_roles_secret_alone(tmp_path: Path) -> None:
    made = _made(tmp_path / "kubernetes")
    for role in ROLES:
        key = made["shop", f"{role}-service-key"][f"{role}.pem"]
        assert [name for name, values in made.items() if key in values.values()] == [("shop", f"{role}-service-key")]


def test_a_roles_environment_is_one_that_it_accepts(tmp_path: Path) -> None:
    """Its own database with its own password; everything encrypted and checked."""
    made = _made(tmp_path / "kubernetes")
    for role in ROLES:
        found = read({"SERVICE_ROLE": role, **made["shop", f"{role}-environment"]})
        assert f"//shop_{role}:{made['shop-data', 'database-logins'][f'shop_{role}']}@" in found.database_url
        assert "sslmode=verify-full" in found.database_url
        assert found.redis_url.startswith("rediss://")
        assert found.secret_key


@pytest.mark.parametrize("server", ["postgres", "valkey", "mail", "payment-gateway"])
def test_certificates_are_the_authoritys_and_for_the_servers_name(tmp_path: Path, server: str) -> None:
    """As a client sees it: TLS in memory, between both ends."""
    made = _made(tmp_path / "kubernetes")
    files = {name: tmp_path / name for name in ("tls.crt", "tls.key")}
    for name, path in files.items():
        path.write_text(made["shop-data", f"{server}-tls"][name])
    trusted = ssl.create_default_context(cadata=made["shop", "local-ca"]["ca.crt"])
    strange = ssl.create_default_context(cadata=Authority.of(_folder(tmp_path / "other")).pem)
    assert _handshake(files, trusted, f"{server}.shop-data.svc.cluster.local")
    assert not _handshake(files, trusted, "another.shop-data.svc.cluster.local")
    assert not _handshake(files, strange, f"{server}.shop-data.svc.cluster.local")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _handshake(files: dict[str, Path], client: ssl.SSLContext, name: str) -> bool:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(files["tls.crt"], files["tls.key"])
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), own.wrap_bio(up, down, server_side=True)]
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return not waiting
