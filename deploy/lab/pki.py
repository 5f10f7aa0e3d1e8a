"""One certificate authority per lab, and a certificate for each part of Kubernetes.

They last ten years, since a lab lasts hours and nothing here renews them.
"""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.lab.lab import API_SERVER, KUBERNETES_IP, NODE, NODE_IP

_LIFETIME = timedelta(days=3650)
_SERVICE = "kubernetes.default.svc.cluster.local"
_API_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", _SERVICE)

# File name -> organisation and common name, which is what RBAC reads.
CLIENTS = {
    "admin": ("system:masters", "admin"),
    "controller-manager": (None, "system:kube-controller-manager"),
    "scheduler": (None, "system:kube-scheduler"),
    "proxy": (None, "system:kube-proxy"),
    "kubelet": ("system:nodes", f"system:node:{NODE}"),
}


class Authority:
    """Signs certificates into one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(None, "shop-lab")
        usage = x509.BasicConstraints(ca=True, path_length=0)
        certificate = self._builder(self._name, self._key.public_key()).add_extension(usage, critical=True)
        self.pem = _pem(certificate.sign(self._key, hashes.SHA256()))
        (folder / "ca.crt").write_bytes(self.pem)
        _write_key(folder / "ca.key", self._key)

    def issue(self, file: str, organisation: str | None, name: str, hosts: Sequence[str] = ()) -> None:
        """Write ``file``.crt and ``file``.key, for servers and clients alike."""
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(_name(organisation, name), key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_host, hosts or [file]))), critical=False)
        (self._folder / f"{file}.crt").write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        _write_key(self._folder / f"{file}.key", key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + _LIFETIME)
        )


def make(folder: Path) -> None:
    """Everything that the control plane and the node are given."""
    folder.mkdir(mode=0o700)
    authority = Authority(folder)
    authority.issue("apiserver", None, "kube-apiserver", ("127.0.0.1", NODE_IP, KUBERNETES_IP, *_API_NAMES))
    authority.issue("front-proxy", None, "front-proxy")
    authority.issue("metrics-server", None, "metrics-server", ("metrics-server.kube-system.svc", NODE_IP))
    for file, (organisation, name) in CLIENTS.items():
        authority.issue(file, organisation, name, (NODE, NODE_IP) if file == "kubelet" else ())
        _write_kubeconfig(folder, file, authority.pem)
    _write_service_account_key(folder)


def _write_kubeconfig(folder: Path, file: str, authority: bytes) -> None:
    user = {f"client-{kind}-data": _base64((folder / f"{file}.{ending}").read_bytes()) for kind, ending in _PARTS}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "lab", "cluster": {"server": API_SERVER, "certificate-authority-data": _base64(authority)}}
        ],
        "users": [{"name": file, "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": file}}],
        "current-context": "lab",
    }
    path = folder / f"{file}.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))


_PARTS = (("certificate", "crt"), ("key", "key"))


def _write_service_account_key(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(folder / "service-accounts.key", key)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "service-accounts.pub").write_bytes(public)


def _name(organisation: str | None, common: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, plain))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
