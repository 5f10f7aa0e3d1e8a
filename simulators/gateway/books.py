"""What the gateway remembers, and the only place that writes it.

Each command is one SQL statement, so it commits once or not at all; repeats and races are settled by
the unique key and by conditions that PostgreSQL evaluates again after waiting for a row.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg_pool import ConnectionPool

from simulators.gateway.cards import Outcome
from simulators.gateway.errors import Outage, Refusal
from simulators.gateway.money import check_decimals

AUTHORISE: LiteralString = """
    WITH line AS (
        INSERT INTO movements AS m (id, kind, authorisation_id, key, fingerprint, reference, amount,
                                    currency, status, decline_code)
        VALUES (%(id)s, 'authorisation', %(id)s, %(key)s, %(fingerprint)s, %(reference)s, %(amount)s,
                %(currency)s, %(status)s, %(decline_code)s)
        ON CONFLICT (key) DO UPDATE SET presented = m.presented + 1
        RETURNING m.*
    ), opened AS (
        INSERT INTO authorisations (id, reference, state, amount, currency)
        SELECT id, reference, status, amount, currency FROM line WHERE presented = 1
    )
    SELECT * FROM line
"""

# How each following movement changes the authorisation. No row: it may not (see Books._why_not).
CHANGES: dict[str, LiteralString] = {
    "capture": """
        UPDATE authorisations SET state = 'captured', captured = %(amount)s
        WHERE id = %(target)s AND state = 'authorised'
          AND amount >= %(amount)s AND scale(amount) = scale(%(amount)s)
        RETURNING id, reference, currency, %(amount)s AS moved
    """,
    "void": """
        UPDATE authorisations SET state = 'voided'
        WHERE id = %(target)s AND state = 'authorised'
        RETURNING id, reference, currency, amount AS moved
    """,
    # Refunds repeat, so the state does not stop a second use of the key: NOT EXISTS does, and behind it
    # the unique key, which rolls the change back.
    "refund": """
        UPDATE authorisations SET refunded = refunded + %(amount)s
        WHERE id = (SELECT authorisation_id FROM movements WHERE id = %(target)s AND kind = 'capture')
          AND refunded + %(amount)s <= captured AND scale(amount) = scale(%(amount)s)
          AND NOT EXISTS (SELECT FROM movements WHERE key = %(key)s)
        RETURNING id, reference, currency, %(amount)s AS moved
    """,
}

FOLLOW_UP: LiteralString = """
    INSERT INTO movements (id, kind, authorisation_id, key, fingerprint, reference, amount, currency, status)
    SELECT %(id)s, %(kind)s, id, %(key)s, %(fingerprint)s, reference, moved, currency, %(status)s
    FROM changed
    RETURNING *
"""

ALL_LINES: LiteralString = "SELECT * FROM movements WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s"
NAMED_LINES: LiteralString = """
    SELECT * FROM movements
    WHERE seq > %(after)s
      AND (id = ANY(%(ids)s) OR reference = ANY(%(references)s) OR key = ANY(%(keys)s))
    ORDER BY seq LIMIT %(limit)s
"""

STATUS_AFTER = {"capture": "captured", "void": "voided", "refund": "refunded"}
PREFIX = {"authorisation": "aut", "capture": "cap", "void": "voi", "refund": "ref"}

NOTE_OUTAGE: LiteralString = """
    INSERT INTO outages AS o (key) VALUES (%(key)s)
    ON CONFLICT (key) DO UPDATE
        SET refused = o.refused + (now() < o.began_at + %(outage_s)s * interval '1 second')::int
    RETURNING now() < began_at + %(outage_s)s * interval '1 second'
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the books, and the stored answer to its idempotency key."""

    seq: int
    id: str
    kind: str
    authorisation_id: str
    key: str
    fingerprint: bytes
    reference: str
    amount: Decimal
    currency: str
    status: str
    decline_code: str | None
    created_at: datetime
    presented: int  # how often the key arrived

    @property
    def is_replay(self) -> bool:
        return self.presented > 1

    def matching(self, fingerprint: bytes) -> "Movement":
        """This line, if it belongs to the same request. Raises Refusal ``idempotency_key_reused``."""
        if self.fingerprint != fingerprint:
            raise Refusal(422, "idempotency_key_reused", "this Idempotency-Key came with another request")
        return self


@dataclass(frozen=True, slots=True)
class Authorisation:
    """The present state of an authorisation: authorised, declined, captured or voided."""

    id: str
    reference: str
    state: str
    amount: Decimal
    currency: str
    captured: Decimal
    refunded: Decimal


class Books:
    """Authorisations and movements in PostgreSQL. Thread-safe."""

    def __init__(self, pool: ConnectionPool[Connection]) -> None:
        self._pool = pool

    def refuse_during_outage(self, *, key: str, outage_s: float) -> None:
        """Raises Outage until ``outage_s`` seconds after the key was first seen, by the database's clock."""
        with self._pool.connection() as connection:
            row = connection.execute(NOTE_OUTAGE, {"key": key, "outage_s": outage_s}).fetchone()
        if row is not None and row[0]:
            raise Outage("the gateway cannot process this payment now")

    def authorise(
        self,
        *,
        key: str,
        fingerprint: bytes,
        reference: str,
        amount: Decimal,
        currency: str,
        outcome: Outcome,
    ) -> Movement:
        """Record one authorisation, agreed or declined; a repeat returns the first, whatever it was.

        A concurrent duplicate waits on the unique key. Raises Refusal.
        """
        values = {
            "id": _new_id("authorisation"),
            "key": key,
            "fingerprint": fingerprint,
            "reference": reference,
            "amount": amount,
            "currency": currency,
            "status": outcome.status,
            "decline_code": outcome.decline_code,
        }
        (movement,) = self._movements(AUTHORISE, values)
        return movement.matching(fingerprint)

    def follow_up(
        self, *, kind: str, target: str, key: str, fingerprint: bytes, amount: Decimal | None = None
    ) -> Movement:
        """Capture or void the authorisation ``target``, or refund the capture ``target``.

        A repeat returns the first result. Raises Refusal when the books forbid it.
        """
        values = {
            "id": _new_id(kind),
            "kind": kind,
            "target": target,
            "key": key,
            "fingerprint": fingerprint,
            "amount": amount,
            "status": STATUS_AFTER[kind],
        }
        try:
            made = self._movements(f"WITH changed AS ({CHANGES[kind]}) {FOLLOW_UP}", values)
        except UniqueViolation:  # the key was used meanwhile: nothing of this statement remains
            made = []
        if made:
            return made[0]
        repeated = self._present_again(key)
        if repeated:
            return repeated.matching(fingerprint)
        raise self._why_not(kind=kind, target=target, amount=amount)

    def _present_again(self, key: str) -> Movement | None:
        repeated = self._movements(
            "UPDATE movements SET presented = presented + 1 WHERE key = %(key)s RETURNING *",
            {"key": key},
        )
        return repeated[0] if repeated else None

    def _why_not(self, *, kind: str, target: str, amount: Decimal | None) -> Refusal:
        owner = target
        if kind == "refund":
            captures = self.page(ids=[target], limit=1)
            owner = captures[0].authorisation_id if captures and captures[0].kind == "capture" else ""
        found = self.authorisations(ids=[owner])
        if not found:
            return Refusal(404, "not_found", "there is no such payment")
        if amount is not None:
            check_decimals(amount, found[0].currency)
        return _forbidden(kind, found[0])

    def authorisations(self, *, ids: Sequence[str] = (), references: Sequence[str] = ()) -> list[Authorisation]:
        """The authorisations with one of these ids, or made under one of these references."""
        query = """
            SELECT id, reference, state, amount, currency, captured, refunded FROM authorisations
            WHERE id = ANY(%(ids)s) OR id IN (
                SELECT authorisation_id FROM movements
                WHERE reference = ANY(%(references)s) AND kind = 'authorisation')
            ORDER BY id
        """
        with (
            self._pool.connection() as connection,
            connection.cursor(row_factory=class_row(Authorisation)) as c,
        ):
            return c.execute(query, {"ids": list(ids), "references": list(references)}).fetchall()

    def movements_of(self, authorisations: Iterable[Authorisation]) -> list[Movement]:
        """Every movement of these authorisations, oldest first."""
        query: LiteralString = "SELECT * FROM movements WHERE authorisation_id = ANY(%(ids)s) ORDER BY seq"
        return self._movements(query, {"ids": [found.id for found in authorisations]})

    def page(
        self,
        *,
        after: int = 0,
        limit: int,
        ids: Sequence[str] = (),
        references: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> list[Movement]:
        """Movements in the order they were begun, from behind ``after``; all, or those named.

        A reading that starts at 0 finds everything committed before it began. One that goes on from an
        old cursor may miss a movement that took its number early and committed late.
        """
        query = NAMED_LINES if ids or references or keys else ALL_LINES
        values = {
            "after": after,
            "limit": limit,
            "ids": list(ids),
            "references": list(references),
            "keys": list(keys),
        }
        return self._movements(query, values)

    def presented(self, key: str) -> int:
        """How often this key arrived, refused or not; 0 for one never seen."""
        query = """
            SELECT coalesce((SELECT presented FROM movements WHERE key = %(key)s), 0)
                 + coalesce((SELECT refused FROM outages WHERE key = %(key)s), 0)
        """
        with self._pool.connection() as connection:
            row = connection.execute(query, {"key": key}).fetchone()
        return int(row[0]) if row else 0

    def check(self) -> None:
        """Raises psycopg.OperationalError when the database does not answer."""
        with self._pool.connection() as connection:
            connection.execute("SELECT 1")

    def _movements(self, query: LiteralString, values: dict[str, Any]) -> list[Movement]:
        with self._pool.connection() as connection, connection.cursor(row_factory=class_row(Movement)) as c:
            return c.execute(query, values).fetchall()


def _new_id(kind: str) -> str:
    return f"{PREFIX[kind]}_{secrets.token_hex(12)}"


def _forbidden(kind: str, authorisation: Authorisation) -> Refusal:
    if kind == "refund":
        return Refusal(409, "refund_exceeds_captured", "refunds may not exceed what was captured")
    if authorisation.state == "authorised":
        return Refusal(409, "capture_exceeds_authorised", "captures may not exceed what was authorised")
    if authorisation.state == "declined":
        return Refusal(409, "not_authorised", "this authorisation was declined")
    return Refusal(409, f"already_{authorisation.state}", f"this authorisation is {authorisation.state}")
