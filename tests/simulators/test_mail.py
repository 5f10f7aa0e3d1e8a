"""The mail server's contract: what goes in over SMTP comes out over HTTP."""

import json
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import urllib3

from simulators.mail.store import Store
from tests.simulators.servers import ROOT, new_name, stop


class MailClient:
    """Sends over SMTP, reads over HTTP."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.smtp_port = ports["smtp_port"]
        self._http = urllib3.HTTPConnectionPool("127.0.0.1", ports["http_port"], retries=False, timeout=5)

    def send(self, *, to: str, subject: str = "Subject", text: str = "Text", message_id: str | None = None) -> str:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "shop@example.com", to, subject
        message["Message-ID"] = message_id = message_id or f"<{new_name('id')}@example.com>"
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5) as smtp:
            smtp.send_message(message)
        return message_id

    def send_raw(self, raw: bytes, *, to: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=5) as smtp:
            smtp.sendmail("shop@example.com", [to], raw)

    def request(self, method: str, path: str, **query: Any) -> urllib3.BaseHTTPResponse:
        return self._http.request(method, path, fields=query or None)

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        listed = self.request("GET", "/messages", **query)
        assert listed.status == 200
        found: list[dict[str, Any]] = listed.json()
        return found


@contextmanager
def running(*arguments: str) -> Iterator[MailClient]:
    command = [sys.executable, "-m", "simulators.mail", "--smtp-port", "0", "--http-port", "0", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield MailClient(json.loads(process.stdout.readline()))
        finally:
            assert stop(process) == 0


@pytest.fixture(scope="module")
def mail() -> Iterator[MailClient]:
    """A running mail server, shared: tests use addresses of their own."""
    with running() as client:
        yield client


@pytest.fixture
def address() -> str:
    return f"{new_name('buyer')}@example.com"


def test_a_message_is_shown_as_it_was_sent(mail: MailClient, address: str) -> None:
    """Envelope, Message-ID, subject and text, in any script."""
    message_id = mail.send(to=address, subject="Grüße — 注文", text="Line one\nZürich €\n")
    (message,) = mail.messages(to=address)
    assert message.pop("id") > 0
    assert message.pop("received_at").endswith("Z")
    assert message == {
        "message_id": message_id,
        "from": "shop@example.com",
        "to": [address],
        "subject": "Grüße — 注文",
        "text": "Line one\nZürich €",
    }


def test_a_message_sent_twice_is_listed_twice(mail: MailClient, address: str) -> None:
    """The server hides no duplicate: the Message-ID is there to find it by."""
    mail.send(to=address, message_id="<same@example.com>")
    mail.send(to=address, message_id="<same@example.com>")
    assert [m["message_id"] for m in mail.messages(to=address.upper())] == ["<same@example.com>"] * 2


def test_the_list_is_read_in_pages(mail: MailClient, address: str) -> None:
    """Oldest first; ``after`` is the last id seen; other people's mail is left out."""
    for number in range(3):
        mail.send(to=address, subject=str(number))
        mail.send(to=f"other-{address}")
    first = mail.messages(to=address, limit=2)
    rest = mail.messages(to=address, after=first[-1]["id"])
    assert [m["subject"] for m in first + rest] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "raw",
    [
        b"no headers at all",
        b"Subject: =?bogus?B?!!!?=\r\nContent-Type: text/plain; charset=klingon\r\n\r\nhi \xff",
        b"Message-ID: <\xff\xfe>\r\nTo: <<<>>>,,\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nnothing",
        b"Content-Type: ;;;\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%",
        b"",
    ],
)
def test_strange_mail_is_accepted(mail: MailClient, address: str, raw: bytes) -> None:
    """A malformed message is kept as well as it can be read."""
    mail.send_raw(raw, to=address)
    assert len(mail.messages(to=address)) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/messages?limit=0", 400),
        ("GET", "/messages?limit=x", 400),
        ("GET", "/messages?after=-1", 400),
        ("GET", "/messages?to=%ff", 400),
        ("GET", "/nothing", 404),
        ("DELETE", "/nothing", 404),
        ("PUT", "/messages", 405),
        ("GET", "/health", 200),
    ],
)
def test_http_answers_are_json(mail: MailClient, method: str, path: str, status: int) -> None:
    """What is malformed gets a 4xx with a code."""
    answer = mail.request(method, path)
    assert answer.status == status
    assert ("error" in answer.json()) == (status != 200)


def test_a_malformed_request_is_answered(mail: MailClient) -> None:
    """Bytes that are no HTTP: 400, and the server goes on."""
    with socket.create_connection(("127.0.0.1", mail._http.port or 0), timeout=5) as client:
        client.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert b"400" in client.recv(1000)
    assert mail.request("GET", "/health").status == 200


def test_messages_outlive_the_process(tmp_path: Path, address: str) -> None:
    """With a folder, a restart keeps messages and goes on numbering; what is deleted stays deleted."""
    folder = ("--store", str(tmp_path / "mail"))
    with running(*folder) as before:
        before.send(to=address)
        (kept,) = before.messages()
    (tmp_path / "mail" / "broken.json").write_text("{")
    with running(*folder) as after:
        assert after.messages() == [kept]
        after.send(to=address)
        assert [m["id"] for m in after.messages()] == [kept["id"], kept["id"] + 1]
        assert after.request("DELETE", "/messages").status == 204
    with running(*folder) as cleared:
        assert cleared.messages() == []


def test_a_taken_port_is_one_line(mail: MailClient) -> None:
    """Exit code 1 and one line, no traceback."""
    command = [
        sys.executable,
        "-m",
        "simulators.mail",
        "--smtp-port",
        str(mail.smtp_port),
        "--http-port",
        "0",
    ]
    failed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "cannot start" in failed.stderr


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """The bound holds in memory, in the folder and when loading."""
    store = Store(capacity=3, folder=tmp_path)
    for number in range(5):
        store.add(message_id="", sender="", recipients=[], subject=str(number), text="", received_at="")
    kept = [message.subject for message in store.messages(to=None, after=0, limit=10)]
    assert kept == ["2", "3", "4"]
    assert len(list(tmp_path.iterdir())) == 3
    reloaded = Store(capacity=2, folder=tmp_path).messages(to=None, after=0, limit=10)
    assert [message.subject for message in reloaded] == ["3", "4"]
