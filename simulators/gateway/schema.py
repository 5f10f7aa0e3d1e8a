"""The gateway's tables. The database itself keeps captures and refunds within what was authorised."""

import psycopg

START_LOCK = 0x6761746577617931  # any fixed number: starters of this gateway queue on it

SCHEMA = """
CREATE TABLE IF NOT EXISTS authorisations (
    id text PRIMARY KEY,
    reference text NOT NULL,
    state text NOT NULL CHECK (state IN ('authorised', 'declined', 'captured', 'voided')),
    amount numeric NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    captured numeric NOT NULL DEFAULT 0 CHECK (captured BETWEEN 0 AND amount),
    refunded numeric NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND captured),
    CHECK ((state = 'captured') = (captured > 0))
);
COMMENT ON TABLE authorisations IS 'Present state of each authorisation: what may still be done with it.';

CREATE TABLE IF NOT EXISTS movements (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('authorisation', 'capture', 'void', 'refund')),
    authorisation_id text NOT NULL REFERENCES authorisations,
    key text NOT NULL UNIQUE,
    fingerprint bytea NOT NULL,
    reference text NOT NULL,
    amount numeric NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    status text NOT NULL CHECK (status IN ('authorised', 'declined', 'captured', 'voided', 'refunded')),
    decline_code text CHECK ((status = 'declined') = (decline_code IS NOT NULL)),
    created_at timestamptz NOT NULL DEFAULT now(),
    presented integer NOT NULL DEFAULT 1
);
CREATE INDEX IF NOT EXISTS movements_authorisation ON movements (authorisation_id);
CREATE INDEX IF NOT EXISTS movements_reference ON movements (reference);
COMMENT ON TABLE movements IS
    'The books: one line per idempotency key, which is also its stored answer. Append-only, but for '
    'presented, which counts how often the key arrived.';

CREATE TABLE IF NOT EXISTS outages (
    key text PRIMARY KEY,
    began_at timestamptz NOT NULL DEFAULT now(),
    refused integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE outages IS 'Keys that were met with 503: since when, and how often.';
"""


def create_tables(database_url: str) -> None:
    """Create what is missing; safe to run from several processes at once.

    Raises psycopg.Error when the database cannot be reached or refuses.
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        # IF NOT EXISTS alone still collides when two sessions create the same table.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [START_LOCK])
        connection.execute(SCHEMA)
