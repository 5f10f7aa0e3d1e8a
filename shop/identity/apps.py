from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Accounts, tokens and service credentials: who is asking."""

    name = "shop.identity"
    label = "identity"

    def ready(self) -> None:
        """Let the API documents know the ways to authenticate: they register when imported."""
        from shop.identity import openapi  # noqa: F401
