from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import autodiscover_modules


class BackofficeConfig(AppConfig):
    """Loads what the apps of this process put on the admin's pages."""

    name = "shop.backoffice"

    def ready(self) -> None:
        autodiscover_modules("cards", "panels", "finders")


class DeskConfig(AdminConfig):
    """Django's admin, with the shop's site as its one site."""

    default_site = "shop.backoffice.site.Site"
