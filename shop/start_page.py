"""``GET /`` of one process: the eight roles, where to go from here, and an order to watch."""

from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError
from django.views.generic import TemplateView

from shop import context, demo_order, health
from shop.audit.api import under_way
from shop.env import env
from shop.roles import ROLES, Role


@dataclass(frozen=True, slots=True)
class RoleState:
    """A role as the page shows it; ``under_way`` counts what it will still do by itself."""

    role: Role
    state: str
    under_way: int = 0

    @property
    def is_ready(self) -> bool:
        return self.state == "ready"


class StartPage(TemplateView):
    """Each role with its health, links to API, docs and admin, the mailbox, how to sign in."""

    template_name = "shop/start.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            roles=[_state(role) for role in ROLES.values()],
            version=env.version,
            mailbox=bool(env.mailbox_url),
            demo_order=demo_order.is_offered(),
            **kwargs,
        )


def _state(role: Role) -> RoleState:
    if problem := health.problem(app=role.name):
        return RoleState(role, problem)
    try:
        with context.working_as(role.name):
            return RoleState(role, "ready", sum(under_way(role.name).values()))
    except DatabaseError:
        return RoleState(role, "its tables cannot be read")
