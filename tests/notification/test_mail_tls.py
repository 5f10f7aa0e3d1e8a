"""smtps:// is a server that proves who it is, or none at all."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.notification import mail
from deploy.certificates import Authority
from tests.simulators.servers import ROOT, stop


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The development mail server behind TLS, as localhost; ``tmp_path/ca.crt`` vouches for it. Its port."""
    pair = Authority.of(tmp_path).issue(["localhost"])
    (tmp_path / "tls.crt").write_text(pair.certificate)
    (tmp_path / "tls.key").write_text(pair.key)
    command = [
        *(sys.executable, "-m", "simulators.mail", "--smtp-port", "0", "--http-port", "0"),
        *("--certificate", str(tmp_path / "tls.crt"), "--key", str(tmp_path / "tls.key")),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(json.loads(process.stdout.readline())["smtp_port"])
        finally:
            stop(process)


def _send(host: str, port: int) -> None:
    letter = mail.Letter(
        message_id="<1@example.com>",
        sender="shop@example.com",
        to="ada@example.com",
        subject="Order",
        text="Thank you",
        written_at=datetime.now(UTC),
    )
    with mail.Connection(f"smtps://{host}:{port}", timeout_s=5) as connection:
        connection.send(letter)


def test_a_trusted_server_takes_the_message(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    _send("localhost", server)


def test_a_server_nobody_vouches_for_gets_nothing(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(mail.Unreachable, match="SSLCertVerificationError"):
        _send("localhost", server)


def test_a_server_of_another_name_gets_nothing(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    with pytest.raises(mail.Unreachable, match="SSLCertVerificationError"):
        _send("127.0.0.1", server)
