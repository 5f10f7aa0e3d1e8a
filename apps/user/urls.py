from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from apps.user import api, internal_api, sign_on
from shop.api import ApiRoot
from shop.env import env

root = ApiRoot.as_view(
    links={
        "register": "user:register",
        "token": "user:token",
        "refresh": "user:token-refresh",
        "revoke": "user:token-revoke",
        "me": "user:me",
        "addresses": "user:addresses",
        "jwks": "user:jwks",
        "login": "user:login",
    }
)

urlpatterns = [
    path("register", api.Register.as_view(), name="register"),
    path("token", api.SignIn.as_view(), name="token"),
    path("token/refresh", api.Refresh.as_view(), name="token-refresh"),
    path("token/revoke", api.SignOut.as_view(), name="token-revoke"),
    path("me", api.Me.as_view(), name="me"),
    path("addresses", api.Addresses.as_view(), name="addresses"),
    path("addresses/<uuid:address_id>", api.OneAddress.as_view(), name="address"),
    path("jwks", api.Jwks.as_view(), name="jwks"),
    # A session, for people who use the browsable API.
    path("login", LoginView.as_view(template_name="user/login.html", next_page="/user"), name="login"),
    path("logout", LogoutView.as_view(next_page="/user"), name="logout"),
    path("internal/accounts/<uuid:account_id>/contact", internal_api.ContactOf.as_view(), name="contact"),
]
if env.role:  # alone, user signs people in for the other roles
    urlpatterns += [path("sign-on", sign_on.vouch), path("sign-out", sign_on.sign_out)]
