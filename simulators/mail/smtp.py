"""The SMTP side: accepts every message and puts it into the store."""

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from aiosmtpd.smtp import SMTP, Envelope, Session

from simulators.mail.store import Store

SIZE_LIMIT = 5 * 1024 * 1024  # bytes of one message
TEXT_LIMIT = 200_000  # characters kept of it


class Receiver:
    """aiosmtpd's handler: called once for each message."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Keep the message, then take responsibility for it (250); 451 asks the sender to try again."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)
        try:
            self._store.add(
                message_id=_header(message, "Message-ID"),
                sender=envelope.mail_from or "",
                recipients=envelope.rcpt_tos,
                subject=_header(message, "Subject"),
                text=_text(message)[:TEXT_LIMIT],
                received_at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            )
        except OSError:
            return "451 4.3.0 could not be stored"
        return "250 OK"


def _header(message: EmailMessage, name: str) -> str:
    try:
        return _printable(str(message[name] or ""))
    except Exception:  # the standard parser raises several kinds on malformed headers
        return ""


def _text(message: EmailMessage) -> str:
    """The plain part, as well as it can be read: a strange message is still a message."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        return _printable(raw.decode(part.get_content_charset("utf-8"), "replace"))
    except LookupError:  # a charset nobody knows
        return _printable(raw.decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Without lone surrogates, which no JSON or file could carry, and with plain line ends."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\r\n", "\n").strip()
