"""HTTP in: registering, signing in, the caller's own account and addresses, the public keys."""

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, generics
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from apps.user import serializers, services, sessions
from apps.user.models import Address
from shop import metrics
from shop.env import env
from shop.idempotency import keys
from shop.identity import issuing, keyfiles, keyring, passwords, throttle
from shop.identity.authentication import ServiceAuthentication
from shop.identity.credentials import Credential
from shop.identity.models import Account
from shop.problems import Problem
from shop.roles import KEYS


class AnonymousView(generics.GenericAPIView[Any]):
    """For callers who have no token, or a stale one: whatever they send along is not looked at."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def asked(self, request: Request) -> dict[str, Any]:
        """The validated body. Raises ValidationError."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)


class Register(AnonymousView):
    """Create a customer's account."""

    serializer_class = serializers.RegisterIn

    @extend_schema(responses={201: serializers.AccountOut})
    def post(self, request: Request) -> Response:
        asked = self.asked(request)
        return keys.perform(
            request,
            partial(self._register, asked),
            lambda account: Response(_shown(account), 201),
            find=lambda pk: Account.objects.get(pk=pk),
            caller=f"guest {asked['email'].lower()}",  # strangers do not share their keys
        )

    def _register(self, asked: dict[str, Any]) -> Account:
        try:
            return services.register(**asked)
        except services.EmailTaken as exc:
            raise Problem(409, "email-taken", "An account has this e-mail address already.") from exc


class SignIn(AnonymousView):
    """Exchange e-mail and password for tokens. A repeat signs in once more, which harms nothing."""

    serializer_class = serializers.SignInIn

    @extend_schema(responses={200: serializers.TokensOut})
    def post(self, request: Request) -> Response:
        address = throttle.address_of(request._request)
        try:
            signed = sessions.sign_in(address=address, **self.asked(request))
        except passwords.WrongPassword as exc:
            raise _unauthorised("invalid-credentials", "No account has this e-mail address and password.") from exc
        except throttle.TooManyAttempts as exc:
            wait = {"Retry-After": str(int(exc.retry_after_s) + 1)}
            raise Problem(429, "too-many-attempts", "Too many failed sign-ins.", headers=wait) from exc
        return _tokens(signed)


class Refresh(AnonymousView):
    """Exchange a refresh token for its successor. It works once; after a lost answer it may be repeated soon."""

    serializer_class = serializers.RefreshIn

    @extend_schema(responses={200: serializers.TokensOut})
    def post(self, request: Request) -> Response:
        try:
            signed = sessions.refresh(token=self.asked(request)["refresh"])
        except sessions.InvalidRefreshToken as exc:
            raise _unauthorised("invalid-refresh-token", "Sign in again.") from exc
        return _tokens(signed)


class SignOut(AnonymousView):
    """End the refresh token and all of its family. Access tokens run out by themselves."""

    serializer_class = serializers.RefreshIn

    @extend_schema(responses={204: None})
    def post(self, request: Request) -> Response:
        sessions.sign_out(token=self.asked(request)["refresh"])
        return Response(status=204)


class Me(generics.GenericAPIView[Any]):
    """The caller's own account."""

    serializer_class = serializers.AccountChange

    @extend_schema(responses=serializers.MeOut)
    def get(self, request: Request) -> Response:
        return Response(_me(_account(request)))

    @extend_schema(responses=serializers.MeOut)
    def patch(self, request: Request) -> Response:
        account = _account(request)
        body = self.get_serializer(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        name = body.validated_data.get("name", account.name)
        return Response(_me(services.rename(account=account, name=name)))


class Addresses(generics.ListAPIView[Address]):
    """The caller's address book."""

    serializer_class = serializers.AddressBookIn

    def get_queryset(self) -> QuerySet[Address]:
        return Address.objects.filter(account=self.request.user.pk)

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        """Pages show ids; the form does not ask for one."""
        if kwargs.get("many"):
            return serializers.AddressOut(*args, **kwargs)
        return super().get_serializer(*args, **kwargs)

    @extend_schema(responses=serializers.AddressOut(many=True))
    def get(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(responses={201: serializers.AddressOut})
    def post(self, request: Request) -> Response:
        account = _account(request)
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return keys.perform(
            request,
            partial(services.add_address, account_id=account.pk, fields=body.validated_data),
            lambda address: Response(serializers.AddressOut(address).data, 201),
            find=lambda pk: generics.get_object_or_404(Address, pk=pk, account=account),
        )


class OneAddress(generics.GenericAPIView[Address]):
    """One address of the caller's book."""

    serializer_class = serializers.AddressBookIn

    def get_queryset(self) -> QuerySet[Address]:
        return Address.objects.filter(account=self.request.user.pk)

    def get_object(self) -> Address:
        return generics.get_object_or_404(self.get_queryset(), pk=self.kwargs["address_id"])

    @extend_schema(responses=serializers.AddressOut)
    def get(self, request: Request, address_id: UUID) -> Response:
        return Response(serializers.AddressOut(self.get_object()).data)

    @extend_schema(responses=serializers.AddressOut)
    def put(self, request: Request, address_id: UUID) -> Response:
        return self._change(request, address_id, partial=False)

    @extend_schema(responses=serializers.AddressOut)
    def patch(self, request: Request, address_id: UUID) -> Response:
        return self._change(request, address_id, partial=True)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, address_id: UUID) -> Response:
        try:
            services.remove_address(account_id=_caller(request), address_id=address_id)
        except services.UnknownAddress as exc:
            raise exceptions.NotFound from exc
        return Response(status=204)

    def _change(self, request: Request, address_id: UUID, *, partial: bool) -> Response:
        body = self.get_serializer(data=request.data, partial=partial)
        body.is_valid(raise_exception=True)
        try:
            changed = services.change_address(
                account_id=_caller(request), address_id=address_id, fields=body.validated_data
            )
        except services.UnknownAddress as exc:
            raise exceptions.NotFound from exc
        return Response(serializers.AddressOut(changed).data)


class Jwks(APIView):
    """The public keys that user tokens are checked with (RFC 7517): for the other roles, and anybody else."""

    authentication_classes = [ServiceAuthentication]
    permission_classes = [AllowAny]

    @extend_schema(responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, request: Request) -> Response:
        if isinstance(request.auth, Credential):
            metrics.INTERNAL_REQUESTS.labels(request.auth.caller, KEYS, "keys").inc()
        cached = {"Cache-Control": f"public, max-age={keyring.FRESH_S}"}
        return Response(keyfiles.public_set(env.token_keys), headers=cached)


def _caller(request: Request) -> UUID:
    assert request.user.pk is not None  # IsAuthenticated
    return request.user.pk


def _account(request: Request) -> Account:
    """The caller's row. Raises NotAuthenticated when a token outlived its account."""
    account = Account.objects.filter(pk=_caller(request), is_active=True).first()
    if account is None:
        raise exceptions.NotAuthenticated
    return account


def _shown(account: Account) -> dict[str, Any]:
    return {"id": str(account.pk), "email": account.email, "name": account.name}


def _me(account: Account) -> dict[str, Any]:
    return _shown(account) | {"is_staff": account.is_staff}


def _tokens(signed: sessions.Signed) -> Response:
    body = {"access": signed.access, "refresh": signed.refresh, "expires_in": issuing.LIFETIME_S}
    return Response(body, headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1


def _unauthorised(slug: str, detail: str) -> Problem:
    return Problem(401, slug, detail, headers={"WWW-Authenticate": 'Bearer realm="shop"'})
