"""Beginning a session at a role that serves alone: user, where one signs in, vouches for the browser.

``start`` sets a secret for this attempt and sends the browser to user, which answers with a form;
``SignOn`` takes the voucher that the form carries. Panels of other roles' pages go the same way by
script: user's page says ``X-Sign-On``.
"""

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.db.models import F, Value
from django.db.models.fields import TextField
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from shop import context
from shop.errors import NoAnswer
from shop.identity import vouchers
from shop.identity.models import Account
from shop.transactions import command

ATTEMPT_S = 10 * 60  # in which a person types a password at user
_BACKEND = "shop.identity.backends.EmailBackend"


class AlreadyUsed(Exception):
    """The voucher has opened a session before."""


def start(request: HttpRequest) -> HttpResponse:
    """Send the browser to user, to come back with a voucher and go on to ``next``."""
    role = context.current_role()
    secret = secrets.token_urlsafe(32)
    state = vouchers.state_of(secret)
    query = urlencode({"role": role, "next": vouchers.own_path(role, request.GET.get("next", "")), "state": state})
    answer = private(HttpResponseRedirect(f"/user/sign-on?{query}"))
    # A name of its own for each attempt: the panels of one page try at the same time.
    answer.set_cookie(
        _cookie(role, state),
        secret,
        max_age=ATTEMPT_S,
        path=f"/{role}/admin/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


class SignOn(View):
    """Where the form leads. The attempt's cookie stands for a CSRF token: no other site's page can have set it."""

    @method_decorator(csrf_exempt)
    @method_decorator(never_cache)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return start(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        role, state = context.current_role(), request.POST.get("state", "")
        secret = request.COOKIES.get(_cookie(role, state), "") if vouchers.is_state(state) else ""
        try:
            voucher = vouchers.verify(request.POST.get("voucher", ""), role=role, secret=secret)
            account = accept(voucher=voucher)
        except (vouchers.InvalidVoucher, AlreadyUsed):
            return failed(request, role, 403, "This sign-on is used up, too old, or of another window.")
        except NoAnswer:
            return failed(request, role, 503, "Signing in does not answer just now.")
        _open(request, account, voucher)
        answer = private(HttpResponseRedirect(voucher.path))
        answer.delete_cookie(_cookie(role, state), path=f"/{role}/admin/")
        return answer


def sign_out(request: HttpRequest) -> HttpResponse:
    """End this role's session, and lead to user, where the sign-in itself is ended."""
    if request.method != "POST":
        return private(HttpResponseRedirect("/user/sign-out"))
    logout(request)
    return private(HttpResponseRedirect("/user/sign-out"))


@command
def accept(*, voucher: vouchers.Voucher) -> Account:
    """Use a voucher up, and keep a shadow of its account. Raises AlreadyUsed."""
    expires = datetime.fromtimestamp(voucher.expires_at, UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO identity_usedsignon (jti, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [voucher.jti, expires],
        )
        if not cursor.rowcount:
            raise AlreadyUsed(voucher.jti)
    said = voucher.account
    known = {name: getattr(said, name) for name in ("email", "name", "is_staff", "is_superuser", "staff_roles")}
    # The address may have passed from one account to another since this role last saw either.
    former = Concat(Cast(F("pk"), TextField()), Value("@former.invalid"))
    Account.objects.filter(email=said.email).exclude(pk=said.pk).update(email=former)
    account, _ = Account.objects.update_or_create(
        pk=said.pk, defaults=known, create_defaults=known | {"password": make_password(None)}
    )
    return account


def _open(request: HttpRequest, account: Account, voucher: vouchers.Voucher) -> None:
    """A session until ``voucher.until``; one of the same account goes on, with the forms it has opened."""
    if request.user.is_authenticated and request.user.pk == account.pk:
        return
    login(request, account, backend=_BACKEND)
    request.session.set_expiry(datetime.fromtimestamp(voucher.until, UTC))


def failed(request: HttpRequest, role: str, status: int, text: str) -> HttpResponse:
    """A page that says so, with a link to try again."""
    answer = render(request, "identity/sign_on_failed.html", {"role": role, "text": text}, status=status)
    if status == 503:
        answer["Retry-After"] = "2"
    return private(answer)


def private(answer: HttpResponse) -> HttpResponse:
    """Nothing of a sign-on is kept by a cache, or told to another site."""
    answer["Cache-Control"] = "no-store"
    answer["Referrer-Policy"] = "same-origin"
    return answer


def _cookie(role: str, state: str) -> str:
    return f"{role}_sign_on_{state[:16]}"
