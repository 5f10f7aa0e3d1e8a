from django.apps import AppConfig


class ShopConfig(AppConfig):
    """What all roles share."""

    name = "shop"
