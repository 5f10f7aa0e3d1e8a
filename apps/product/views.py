"""What the views of the catalogue build on: who may write, and how answers are kept by clients."""

from collections.abc import Callable
from typing import Any

from django.utils.http import parse_etags
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from apps.product import catalogue
from shop.identity.authentication import EVERYONE, May

# Short, so that a client sees a new price within seconds; then it asks again with the ETag, which is cheap.
_CACHED = "public, max-age=5"
_SHAPE = "2"  # part of the ETag: raise it when answers get another form, so that no client keeps the old one

Build = Callable[[catalogue.State | None], Any]


class CatalogueView(GenericAPIView[Any]):
    """A catalogue resource. Its JSON carries an ETag, and 304 costs one statement.

    The tag names the state of the catalogue and the form of the answers, not the release that
    answers: during a canary both releases vouch for the same. Pages for people carry none: what they
    show depends on who looks.
    """

    permission_classes = [May("product.change_product", reading=EVERYONE)]  # where a view names no other
    pagination_class: type[BasePagination] | None = None

    def cached(self, request: Request, build: Build) -> Response:
        """What ``build`` makes of the catalogue's state, or 304 if the client has it already."""
        state = catalogue.state()
        if request.accepted_renderer.format != "json" or request.user.is_staff:
            return Response(build(state), headers={"Cache-Control": "private, no-store"})
        if state is None:
            return Response(build(state), headers={"Cache-Control": _CACHED})
        headers = {"Cache-Control": _CACHED, "ETag": f'"{_SHAPE}-{state.tag}"'}
        if _has(request.headers.get("If-None-Match", ""), headers["ETag"]):
            return Response(status=304, headers=headers)
        return Response(build(state), headers=headers)


def _has(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110 13.1.2): a proxy that compresses marks the tag as weak."""
    return any(known == "*" or known.removeprefix("W/") == tag for known in parse_etags(if_none_match))
