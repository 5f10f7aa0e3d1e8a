"""``GET /`` of one process: the eight roles, and where to go from here."""

from typing import Any

from django.views.generic import TemplateView

from shop import health
from shop.env import env
from shop.roles import ROLES


class StartPage(TemplateView):
    """Each role with its health, links to API, docs and admin, the mailbox, how to sign in."""

    template_name = "shop/start.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        ready = health.ready(self.request).status_code == 200
        return super().get_context_data(
            roles=ROLES.values(), ready=ready, version=env.version, mailbox=bool(env.mailbox_url), **kwargs
        )
