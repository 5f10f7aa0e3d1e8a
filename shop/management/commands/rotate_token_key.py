from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shop.env import env
from shop.identity import issuing, keyfiles, keyring


class Command(BaseCommand):
    help = (
        "Replace the key that signs user tokens, without downtime. "
        f"1. add; wait {keyring.FRESH_S} s, until every role knows the key. 2. activate KID. "
        f"3. After {issuing.LIFETIME_S} s no token of the old key is alive: withdraw its KID."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        steps.add_parser("add", help="publish a new key, which does not sign yet")
        for name, text in (("activate", "sign with a published key"), ("withdraw", "stop publishing a key")):
            steps.add_parser(name, help=text).add_argument("kid")

    def handle(self, *args: Any, step: str, kid: str = "", **options: Any) -> None:
        try:
            self._do(step, kid)
        except keyfiles.NoSuchKey:
            raise CommandError(f"{env.token_keys} has no key {kid}") from None
        except keyfiles.KeyInUse:
            raise CommandError(f"{kid} signs: activate another key first") from None

    def _do(self, step: str, kid: str) -> None:
        if step == "add":
            self.stdout.write(keyfiles.add_token_key(env.token_keys))
        elif step == "activate":
            keyfiles.activate_token_key(env.token_keys, kid)
        else:
            keyfiles.withdraw_token_key(env.token_keys, kid)
