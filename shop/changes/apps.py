from django.apps import AppConfig


class ChangesConfig(AppConfig):
    """Who changed what by hand, from what to what."""

    name = "shop.changes"
    label = "changes"
