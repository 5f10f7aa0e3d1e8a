"""How long the history of changes is kept: ``CHANGES_KEPT_S``, a year unless the environment says otherwise."""

from django.db import connection

from shop.env import env
from shop.transactions import command


@command
def tidy_changes() -> int:
    """Forget one batch of changes that are older than that; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_SAY, [f"{env.changes_kept_s} seconds"])
        cursor.execute(_FORGET)
        return int(cursor.rowcount)


# The trigger that keeps the history append-only lets go what is older than its deleter says, and nothing
# where nothing is said.
_SAY = "SELECT set_config('shop.changes_kept', %s, true)"
# Of the oldest by id, so that no index on time is kept for it: a younger one among them only waits.
_FORGET = """
DELETE FROM changes_change
WHERE id IN (SELECT id FROM changes_change ORDER BY id LIMIT 1000)
    AND at < now() - current_setting('shop.changes_kept')::interval
"""
