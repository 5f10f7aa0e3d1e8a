"""Whoever is signed in to the admin is the author of what its pages change."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from shop import context
from shop.changes.services import session_says


class StaffActorMiddleware:
    """Names the actor of an admin request, also to statements that Django's admin runs outside of commands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Looked at in this order: on other paths the session is not even read.
        if "/admin/" not in request.path_info or not request.user.is_authenticated or not request.user.is_staff:
            return self.get_response(request)
        context.act_as_staff(request.user.pk, source="admin")
        if request.method != "POST":
            return self.get_response(request)
        with session_says():
            return self.get_response(request)
