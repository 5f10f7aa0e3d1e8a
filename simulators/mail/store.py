"""Messages received, newest last: in memory, bounded, and in a folder where one is given."""

import json
import os
import threading
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was accepted. ``id`` grows; a message sent twice is here twice."""

    id: int
    message_id: str  # the Message-ID header, "" without one
    sender: str  # of the envelope, like the recipients
    recipients: tuple[str, ...]
    subject: str
    text: str  # the plain part, or the HTML where there is none
    received_at: str  # RFC 3339, UTC

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The reverse of ``to_json``. Raises ValueError, TypeError or KeyError on anything else."""
        values = json.loads(text)
        return cls(**{**values, "recipients": tuple(values["recipients"])})

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def is_to(self, address: str) -> bool:
        return any(address.lower() == recipient.lower() for recipient in self.recipients)


class Store:
    """At most ``capacity`` messages; the oldest go first. Thread-safe."""

    def __init__(self, *, capacity: int, folder: Path | None = None) -> None:
        self._messages: deque[Message] = deque()
        self._capacity = capacity
        self._folder = folder
        self._lock = threading.Lock()
        self._last_id = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder)

    def add(
        self,
        *,
        message_id: str,
        sender: str,
        recipients: list[str],
        subject: str,
        text: str,
        received_at: str,
    ) -> Message:
        """Keep one message. Raises OSError when the folder refuses it: the sender must then hear so."""
        with self._lock:
            message = Message(
                id=self._last_id + 1,
                message_id=message_id,
                sender=sender,
                recipients=tuple(recipients),
                subject=subject,
                text=text,
                received_at=received_at,
            )
            self._write(message)
            self._last_id = message.id
            self._messages.append(message)
            while len(self._messages) > self._capacity:
                self._forget(self._messages.popleft())
            return message

    def messages(self, *, to: str | None, after: int, limit: int) -> list[Message]:
        """The first ``limit`` messages behind the id ``after``, oldest first."""
        with self._lock:
            kept = list(self._messages)
        wanted = (m for m in kept if m.id > after and (to is None or m.is_to(to)))
        return [message for message, _ in zip(wanted, range(limit), strict=False)]

    def clear(self) -> None:
        """Forget everything; ids go on growing."""
        with self._lock:
            while self._messages:
                self._forget(self._messages.popleft())

    def _load(self, folder: Path) -> None:
        for path in sorted(folder.glob("*.json"))[-self._capacity :]:
            try:
                self._messages.append(Message.from_json(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError, KeyError):
                continue  # not one of ours
        if self._messages:
            self._last_id = self._messages[-1].id

    def _write(self, message: Message) -> None:
        """Whole or not at all: a killed process leaves no half file."""
        if self._folder is None:
            return
        path = self._path(message, self._folder)
        partial = path.with_suffix(".partial")
        partial.write_text(message.to_json(), encoding="utf-8")
        os.replace(partial, path)

    def _forget(self, message: Message) -> None:
        if self._folder is not None:
            self._path(message, self._folder).unlink(missing_ok=True)

    @staticmethod
    def _path(message: Message, folder: Path) -> Path:
        return folder / f"{message.id:012d}.json"
