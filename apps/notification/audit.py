"""What the audit asks of notification."""

from apps.notification import services
from shop.audit import pending, rule

rule(
    "event-has-message",
    """
    SELECT r.event_id::text, 'handled without a message'
    FROM events_received r
    WHERE r.subscriber = 'notification'
        AND NOT EXISTS (SELECT FROM notification_message m WHERE m.event_id = r.event_id)
    """,
    role="notification",
)
rule(  # for a while only: the inbox forgets
    "message-has-event",
    """
    SELECT m.id::text, format('event %s was never handled', m.event_id)
    FROM notification_message m
    WHERE m.created_at > now() - interval '60 days' AND NOT EXISTS (
        SELECT FROM events_received r WHERE r.subscriber = 'notification' AND r.event_id = m.event_id
    )
    """,
    role="notification",
)
rule(
    "sent-has-time",
    """
    SELECT id::text, format('state %s, sent at %s', state, coalesce(sent_at::text, 'no time'))
    FROM notification_message
    WHERE (state = 'sent') <> (sent_at IS NOT NULL)
    """,
    role="notification",
)


@pending
def messages() -> int:
    """Queued or being sent."""
    return services.waiting()
