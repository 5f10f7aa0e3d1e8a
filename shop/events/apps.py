from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class EventsConfig(AppConfig):
    """Outbox, relay and inbox."""

    name = "shop.events"
    label = "events"

    def ready(self) -> None:
        autodiscover_modules("events")  # each app declares its events and handlers there
