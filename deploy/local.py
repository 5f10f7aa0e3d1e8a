"""``python -m deploy.local``: the Secrets of an installation of one's own, made once and kept in var/kubernetes.

Prints the manifest's path: ``kubectl apply --server-side --filename "$(python -m deploy.local)"``. A second
call makes what is missing, and certificates afresh; passwords, keys and the CA stay. ``demo.json`` beside it
is how staff sign in, ``ca.crt`` what a client trusts. SHOP_VAR names another folder than var, SHOP_HOSTS more
names of the gateways, separated by commas.
"""

import json
import os
import secrets
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy import authentication
from deploy.certificates import Authority, Pair
from deploy.release import ROOT
from deploy.secrets import PUBLIC_KEYS
from shop.identity import keyfiles
from shop.roles import KEYS, OPERATOR, ROLES

SHOP, DATA, INGRESS = "shop", "shop-data", "istio-ingress"
SERVERS = ("postgres", "valkey", "mail", "payment-gateway")
_GATEWAYS = ("istio-ingressgateway", "istio-internalgateway")
_TRUST = "/etc/shop/ca/ca.crt"
_STAFF = "admin@example.com"

Manifest = dict[str, Any]


class Installation:
    """What is kept of one installation: a folder with keys, a CA, and passwords by name."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._file = folder / "passwords.json"
        self._passwords: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self.authority = Authority.of(folder)
        keyfiles.make_service_keys(folder / "services", [*ROLES, OPERATOR])
        self.tokens = folder / "tokens"
        keyfiles.make_token_keys(self.tokens)

    def password(self, name: str) -> str:
        """The one of that name, made by the first call. Its alphabet needs no escaping in an address."""
        if name not in self._passwords:
            self._passwords[name] = secrets.token_urlsafe(32)
            self._keep(self._file, json.dumps(self._passwords, indent=1))
        return self._passwords[name]

    def write(self, hosts: list[str]) -> Path:
        """Write the manifest and the sign-in; returns the manifest's path."""
        manifest = self.folder / "secrets.yaml"
        self._keep(self.folder / "demo.json", self._sign_in())
        made = [*self._shop(), *self.token_keys(), *self._data(), *self._ingress(hosts)]
        self._keep(manifest, yaml.safe_dump_all(made, sort_keys=False))
        return manifest

    def token_keys(self) -> Iterator[Manifest]:
        """Role user's own keys, and their public halves as the gateways know them."""
        files = [path for path in sorted(self.tokens.iterdir()) if not path.name.startswith(".")]
        yield _secret(SHOP, f"{KEYS}-token-keys", {path.name: path.read_text() for path in files})
        yield authentication.manifest(INGRESS, keyfiles.public_set(self.tokens))

    def _shop(self) -> Iterator[Manifest]:
        for role in ROLES:
            yield _secret(SHOP, f"{role}-environment", self._environment(role))
        for name in (*ROLES, OPERATOR):
            key = (self.folder / "services" / f"{name}.pem").read_text()
            yield _secret(SHOP, f"{name}-service-key", {f"{name}.pem": key})
        yield _secret(SHOP, "demo-sign-in", {"demo.json": self._sign_in()})
        public = (self.folder / "services" / keyfiles.PUBLIC).read_text()
        yield _config(SHOP, PUBLIC_KEYS, {keyfiles.PUBLIC: public})
        yield _config(SHOP, "local-ca", {"ca.crt": self.authority.pem})

    def _environment(self, role: str) -> dict[str, str]:
        broker = f":{self.password('valkey')}@valkey.{DATA}.svc.cluster.local:6379"
        more = {
            "payment": {"GATEWAY_KEY": self.password("payment-gateway")},
            "notification": {"SMTP_URL": f"smtps://mail.{DATA}.svc.cluster.local:465"},
            "product": {"MEDIA_OPTIONS": "{}"},
        }
        return {
            "DATABASE_URL": self._database(f"shop_{role}"),
            "REDIS_URL": f"rediss://{broker}/0?ssl_cert_reqs=required&ssl_ca_certs={_TRUST}",
            "SECRET_KEY": self.password(f"secret-key-{role}"),
            **more.get(role, {}),
        }

    def _database(self, login: str, database: str = "") -> str:
        """``sslnegotiation=direct``: the server's TLS ends before it, and begins at once."""
        server = f"{login}:{self.password(login)}@postgres.{DATA}.svc.cluster.local:5432"
        trust = f"sslmode=verify-full&sslrootcert={_TRUST}&sslnegotiation=direct"
        return f"postgresql://{server}/{database or login}?{trust}"

    def _data(self) -> Iterator[Manifest]:
        logins = [*(f"shop_{role}" for role in ROLES), "shop_gateway"]
        admin = {"password": self.password("postgres"), "url": self._database("postgres")}
        yield _secret(DATA, "postgres-admin", admin)
        yield _secret(DATA, "database-logins", {login: self.password(login) for login in logins})
        yield _secret(DATA, "valkey-password", {"password": self.password("valkey")})
        gateway = {
            "GATEWAY_DATABASE_URL": self._database("shop_gateway"),
            "GATEWAY_KEY": self.password("payment-gateway"),
        }
        yield _secret(DATA, "payment-gateway-environment", gateway)
        for server in SERVERS:
            names = [f"{server}.{DATA}.svc.cluster.local", f"{server}.{DATA}.svc", f"{server}.{DATA}", server]
            yield _tls(DATA, f"{server}-tls", self.authority.issue(names))
        yield _config(DATA, "local-ca", {"ca.crt": self.authority.pem})

    def _ingress(self, hosts: list[str]) -> Iterator[Manifest]:
        """One certificate for both gateways."""
        names = [f"{gateway}.{INGRESS}.{domain}" for gateway in _GATEWAYS for domain in ("svc.cluster.local", "svc")]
        own = ["shop.localhost", "admin.localhost", "localhost", "127.0.0.1"]
        yield _tls(INGRESS, "shop-tls", self.authority.issue([*names, *own, *hosts]))

    def _sign_in(self) -> str:
        return json.dumps({"admin": {"email": _STAFF, "password": self.password("staff")}}, indent=2)

    @staticmethod
    def _keep(path: Path, text: str) -> None:
        path.touch(mode=0o600)
        path.write_text(text)


def _secret(namespace: str, name: str, values: Mapping[str, str], kind: str = "Opaque") -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    data = {key: b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}


def _tls(namespace: str, name: str, pair: Pair) -> Manifest:
    return _secret(namespace, name, {"tls.crt": pair.certificate, "tls.key": pair.key}, "kubernetes.io/tls")


def _config(namespace: str, name: str, values: Mapping[str, str]) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(values)}


def folder() -> Path:
    """What is kept of this checkout's installation."""
    return Path(os.environ.get("SHOP_VAR") or ROOT / "var") / "kubernetes"


def written(*, hosts: list[str]) -> Path:
    """The manifest, written anew; ``hosts`` are more names and addresses of the gateways."""
    named = [host for host in os.environ.get("SHOP_HOSTS", "").split(",") if host]
    return Installation(folder()).write([*named, *hosts])


def main() -> int:
    """Write, and say where."""
    print(written(hosts=[]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
