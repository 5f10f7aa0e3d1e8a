"""Handing messages to a mail server over SMTP (RFC 5321)."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

_PERMANENT = 500  # RFC 5321 4.2.1: from here on a repeat would be answered the same


class Unreachable(Exception):
    """The server is not there, or broke off: nothing more can be sent now."""


class Deferred(Exception):
    """The server does not take this message now."""


class Refused(Exception):
    """The server will never take this message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One e-mail. A repeat carries the same ``message_id`` (RFC 5322 3.6.4)."""

    message_id: str
    sender: str
    to: str
    subject: str
    text: str
    written_at: datetime


class Connection:
    """One SMTP session; ``url`` is smtp:// or smtps://, with a user and password where needed.

    ``timeout_s`` bounds every wait for the server. Passwords are sent encrypted only.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        """Connect. Raises Unreachable."""
        try:
            self._smtp = _connected(self._url, self._timeout_s)
        except (OSError, ValueError) as exc:  # smtplib's own exceptions are OSErrors
            raise Unreachable(_named(exc)) from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._smtp.quit()
        except OSError:  # it has the messages already, or is gone
            self._smtp.close()

    def send(self, letter: Letter) -> None:
        """Return once the server has taken ``letter``. Raises Deferred, Refused, Unreachable."""
        message = _composed(letter)
        try:
            self._smtp.send_message(message, letter.sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as exc:
            _refuse(*exc.recipients[letter.to])
        except smtplib.SMTPDataError as exc:
            _refuse(exc.smtp_code, exc.smtp_error)
        except smtplib.SMTPNotSupportedError as exc:  # an address this server cannot spell
            raise Refused(_named(exc)) from exc
        except smtplib.SMTPSenderRefused as exc:  # a matter of configuration, not of this message
            raise Deferred(f"sender refused: {exc.smtp_code}") from exc
        except OSError as exc:
            raise Unreachable(_named(exc)) from exc


def _connected(url: str, timeout_s: float) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or 0
    # A name of its own: smtplib would look one up, which may take seconds.
    smtp: smtplib.SMTP
    if parts.scheme == "smtps":
        context = ssl.create_default_context()  # smtplib's own verifies nothing
        smtp = smtplib.SMTP_SSL(host, port, local_hostname="localhost", timeout=timeout_s, context=context)
    else:
        smtp = smtplib.SMTP(host, port, local_hostname="localhost", timeout=timeout_s)
    if parts.username:
        if parts.scheme != "smtps":
            smtp.starttls(context=ssl.create_default_context())
        smtp.login(unquote(parts.username), unquote(parts.password or ""))
    return smtp


def _composed(letter: Letter) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = letter.sender
        message["To"] = letter.to
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = letter.message_id
        message.set_content(letter.text)
    except (ValueError, LookupError, MessageError) as exc:  # what the standard library raises for bad addresses
        raise Refused(f"cannot be composed: {_named(exc)}") from exc
    return message


def _refuse(code: int, text: bytes | str) -> None:
    """Only the code is kept: servers repeat the address in their text."""
    raise (Refused if code >= _PERMANENT else Deferred)(f"mail server answered {code}")


def _named(exc: Exception) -> str:
    return exc.__class__.__name__
