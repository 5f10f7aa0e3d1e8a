"""The project's own Prometheus metrics, beside those of django-prometheus."""

from prometheus_client import Counter

INTERNAL_REQUESTS = Counter(
    "shop_internal_requests", "Requests one role accepted from another", ["caller", "callee", "purpose"]
)
EVENTS_DELIVERED = Counter(
    "shop_events_delivered", "Answers of subscribers to events", ["emitter", "subscriber", "outcome"]
)
WAKE_UPS_LOST = Counter("shop_wake_ups_lost", "Wake-ups the broker did not take; the sweep finds the work", ["role"])
