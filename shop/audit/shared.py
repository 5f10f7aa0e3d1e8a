"""Rules that hold in every role: those of the outbox."""

from shop.roles import ROLES, subscribers_of


def rules(role: str) -> dict[str, str]:
    """Name -> SQL of the shared rules, for ``role``."""
    return {"event-parked": _PARKED.format(role=role), "event-undelivered": _undelivered(role)}


# Table and role names are the project's own, never input.
_PARKED = """
SELECT event_id::text, 'parked on its way to ' || subscriber || ': ' || last_error
FROM events_delivery WHERE emitter = '{role}' AND state = 'parked'
"""


def _undelivered(role: str) -> str:
    """An event that lacks a delivery to one of its subscribers would never arrive there."""
    heard = {name for hearer in ROLES.values() for name in hearer.hears.get(role, ())}
    wanted = ", ".join(f"('{name}', '{to}')" for name in sorted(heard) for to in subscribers_of(role, name))
    values = wanted or "(NULL::text, NULL::text)"
    return f"""
SELECT event.id::text, event.name || ' has no delivery to ' || wanted.subscriber
FROM events_event event JOIN (VALUES {values}) AS wanted(name, subscriber) USING (name)
WHERE event.emitter = '{role}' AND NOT EXISTS (
    SELECT FROM events_delivery d WHERE d.event_id = event.id AND d.subscriber = wanted.subscriber
)
"""  # noqa: S608
