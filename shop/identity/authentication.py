"""DRF authentication: a user's bearer token, or the credential of a calling role."""

from typing import Any

from django.http import Http404
from rest_framework import authentication, exceptions, permissions
from rest_framework.request import Request

from shop import context, metrics
from shop.identity import tokens
from shop.identity.credentials import HEADER, Credential, InvalidCredential, verify
from shop.identity.models import Account
from shop.problems import Problem
from shop.roles import may_send

EVERYONE = ""  # no permission needed, nor an account
DEADLINE_HEADER = "X-Deadline-Ms"


class TokenAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer <access token>``; the account is a shadow of the token's claims."""

    def authenticate(self, request: Request) -> tuple[Account, tokens.Claims] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = tokens.verify(token.strip())
        except tokens.InvalidToken as exc:
            raise exceptions.AuthenticationFailed("The access token is not valid.") from exc
        context.end_user.set(str(claims.account_id))
        if claims.is_staff:
            context.act_as_staff(claims.account_id, source="api")
        return claims.account(), claims

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="shop"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, with CSRF protection; the account travels on as the end user, as with a token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None:
            context.end_user.set(str(found[0].pk))
            if found[0].is_staff:
                context.act_as_staff(found[0].pk, source="api")
        return found


class ServiceAuthentication(authentication.BaseAuthentication):
    """The calling role's credential; with it its deadline and its end user are believed, never without."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        token = request.headers.get(HEADER)
        if token is None:
            return None
        callee = context.current_role()
        try:
            credential = verify(token, callee=callee)
        except InvalidCredential as exc:
            raise exceptions.AuthenticationFailed("The service credential is not valid.") from exc
        context.end_user.set(credential.end_user)
        if credential.staff:
            context.act_as_staff(credential.end_user, source=credential.caller)
        _adopt_deadline(request)
        return CallingRole(credential.caller), credential

    def authenticate_header(self, request: Request) -> str:
        return "Service"


class CallingRole:
    """DRF's ``request.user`` of an internal request: a role, not a person."""

    is_authenticated = True
    is_active = True
    is_staff = False
    pk = None

    def __init__(self, role: str) -> None:
        self.role = role

    def __str__(self) -> str:
        return self.role


class IsCallingRole(permissions.BasePermission):
    """Only roles that the table lets send this for the view's ``purpose``; without a credential the path is 404."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Credential):
            raise Http404
        callee, sent = context.current_role(), (str(request.method), request.path_info)
        if not may_send(request.auth.caller, callee, view.purpose, *sent):
            raise Problem(403, "not-a-caller", f"{request.auth.caller} may not send this to {callee}.")
        metrics.INTERNAL_REQUESTS.labels(request.auth.caller, callee, view.purpose).inc()
        return True


class Granted(permissions.BasePermission):
    """Staff whose roles grant a permission; ``May`` makes one of these for each."""

    writing: str
    reading: str

    def has_permission(self, request: Request, view: Any) -> bool:
        perm = self.reading if request.method in permissions.SAFE_METHODS else self.writing
        if perm == EVERYONE:
            return True
        return bool(request.user.is_authenticated and request.user.has_perm(perm))


def May(perm: str, *, reading: str | None = None) -> type[Granted]:  # noqa: N802  # reads as the class it makes
    """Only staff whose roles grant ``perm``; to read, ``reading`` instead: a permission, or EVERYONE.

    ``permission_classes = [May("order.refund_order")]``. A refusal is 403 ``permission-denied``.
    """
    return type("May", (Granted,), {"writing": perm, "reading": perm if reading is None else reading})


def _adopt_deadline(request: Request) -> None:
    try:
        left_ms = int(request.headers.get(DEADLINE_HEADER, ""))
    except ValueError:
        return
    context.set_deadline(left_ms / 1000)
