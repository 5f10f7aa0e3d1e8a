from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """What each idempotency key has done."""

    name = "shop.idempotency"
    label = "idempotency"
