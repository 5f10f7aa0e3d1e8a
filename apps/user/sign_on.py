"""Vouching for a signed-in browser at the other roles, each of which has sessions of its own.

Served where user runs alone. In one process there is one session for all.
"""

from urllib.parse import urlencode

from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from shop.identity import throttle, vouchers
from shop.identity.sign_on import failed, private
from shop.roles import KEYS, ROLES


@require_GET
def vouch(request: HttpRequest) -> HttpResponse:
    """A page whose form takes a voucher to ``role``; whoever is not signed in does that first."""
    role, state = request.GET.get("role", ""), request.GET.get("state", "")
    if role not in ROLES or role == KEYS or not vouchers.is_state(state):
        return private(HttpResponseBadRequest("This address does not begin a sign-on."))
    path = vouchers.own_path(role, request.GET.get("next", ""))
    for_staff = path.startswith(f"/{role}/admin/")
    account = request.user
    if not account.is_authenticated:
        login = "/user/admin/login/" if for_staff else "/user/login"
        return private(HttpResponseRedirect(f"{login}?{urlencode({'next': request.get_full_path()})}"))
    if for_staff and not account.is_staff:
        return failed(request, role, 403, "This account does not run the shop.")
    try:
        throttle.count_sign_on(account_id=account.pk)
    except throttle.TooManyAttempts as exc:
        answer = failed(request, role, 429, "Too many sign-ons in a short time.")
        answer["Retry-After"] = str(int(exc.retry_after_s) + 1)
        return answer
    voucher = vouchers.mint(account=account, role=role, state=state, path=path, until=_session_ends(request))
    answer = private(render(request, "user/sign_on.html", {"role": role, "voucher": voucher, "state": state}))
    answer["X-Sign-On"] = "1"
    return answer


def _session_ends(request: HttpRequest) -> float:
    """Unix time. As the session's row says: the session object counts from now."""
    key = request.session.session_key
    return Session.objects.values_list("expire_date", flat=True).get(pk=key).timestamp()


@require_http_methods(["GET", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the sign-in that all roles' sessions come from. GET asks first."""
    if request.method == "POST":
        logout(request)
        return private(HttpResponseRedirect("/user/sign-out"))
    return private(render(request, "user/sign_out.html"))
