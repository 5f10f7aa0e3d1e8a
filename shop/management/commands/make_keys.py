from typing import Any

from django.core.management.base import BaseCommand

from shop.env import env
from shop.identity import keyfiles
from shop.roles import OPERATOR, ROLES


class Command(BaseCommand):
    help = "Create the missing keys: of service credentials, one per role, and of user tokens. Changes no key."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        services = keyfiles.make_service_keys(env.service_keys, [*ROLES, OPERATOR])
        if services:
            self.stdout.write(f"service keys in {env.service_keys}: {', '.join(services)}")
        for kid in keyfiles.make_token_keys(env.token_keys):
            self.stdout.write(f"token key in {env.token_keys}: {kid}")
