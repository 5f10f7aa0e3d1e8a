"""Failed sign-ins are limited, per e-mail address and per network address.

The counters are in PostgreSQL, so that all processes share them and a restart forgets none. An attempt counts as
failed until it has succeeded: guesses sent at once cannot outrun the limit, and a crash forgives none.
"""

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from django.db import connection
from django.http import HttpRequest

from shop.env import env
from shop.transactions import command

WINDOW_S = 15 * 60  # from the first failure on
PER_EMAIL = 10  # guesses at one account
PER_ADDRESS = 200  # guesses from one place, which an office or a test may share
PER_SIGN_ON = 200  # sessions at other roles for one account: eight roles, several devices


class TooManyAttempts(Exception):
    """No password is looked at before ``retry_after_s`` seconds have passed."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


@command
def count(*, email: str, address: str) -> None:
    """Count one attempt as failed. Raises TooManyAttempts, which counts nothing."""
    _count(_subjects(email, address))


@command
def count_sign_on(*, account_id: UUID) -> None:
    """Count one sign-on of an account at another role. Raises TooManyAttempts."""
    _count({f"sign-on:{account_id}": PER_SIGN_ON})


@command
def forgive(*, email: str, address: str) -> None:
    """The attempt succeeded: forget the failures of the account, and this one of the address."""
    of_address, of_email = _subjects(email, address)
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK, [of_address])
        cursor.execute("DELETE FROM identity_signinthrottle WHERE subject = %s", [of_email])


@command
def forget(*, limit: int) -> int:
    """Delete up to ``limit`` counters whose window has passed; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [limit])
        return int(cursor.rowcount)


def address_of(request: HttpRequest) -> str:
    """Where a request comes from; of IPv6 the /64, which one customer has to himself.

    A role served alone is behind a proxy, which appends its peer to X-Forwarded-For; what stands
    before that is the client's own word.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    if env.role:
        peer = request.headers.get("X-Forwarded-For", peer).rpartition(",")[2].strip()
    try:
        address = ip_address(peer)
    except ValueError:
        return ""
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


def _count(subjects: dict[str, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"subjects": list(subjects), "window_s": WINDOW_S})
        waits = [left_s for subject, failures, left_s in cursor.fetchall() if failures > subjects[subject]]
    if waits:
        raise TooManyAttempts(max(waits))


def _subjects(email: str, address: str) -> dict[str, int]:
    """Counters with their limits, in the order in which rows are locked. No e-mail address is stored."""
    digest = hashlib.sha256(email.encode()).hexdigest()
    return {f"address:{address}": PER_ADDRESS, f"email:{digest}": PER_EMAIL}


_COUNT = """
INSERT INTO identity_signinthrottle AS counter (subject, failures, ends_at)
SELECT subject, 1, statement_timestamp() + make_interval(secs => %(window_s)s)
FROM unnest(%(subjects)s::text[]) AS subject
ON CONFLICT (subject) DO UPDATE SET
    failures = CASE WHEN counter.ends_at <= statement_timestamp() THEN 1 ELSE counter.failures + 1 END,
    ends_at = CASE WHEN counter.ends_at <= statement_timestamp() THEN excluded.ends_at ELSE counter.ends_at END
RETURNING subject, failures, extract(epoch FROM ends_at - statement_timestamp())::float
"""
_GIVE_BACK = "UPDATE identity_signinthrottle SET failures = greatest(failures - 1, 0) WHERE subject = %s"
_FORGET = """
DELETE FROM identity_signinthrottle WHERE subject IN (
    SELECT subject FROM identity_signinthrottle WHERE ends_at <= statement_timestamp()
    ORDER BY ends_at LIMIT %s FOR UPDATE SKIP LOCKED
)
"""
