"""What role user keeps beside the accounts themselves: addresses, and refresh tokens by family."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from shop.identity.models import Account


class Address(models.Model):
    """A postal address in an account's address book. Orders keep copies, so it may change or go."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="addresses")
    name = models.CharField(max_length=120)
    line1 = models.CharField(max_length=120)
    line2 = models.CharField(max_length=120, blank=True)
    city = models.CharField(max_length=80)
    postal_code = models.CharField(max_length=16, blank=True)
    region = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=2)  # ISO 3166-1 alpha-2
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "addresses"
        indexes: ClassVar = [models.Index(fields=["account", "-created_at", "-id"], name="address_by_account")]

    def __str__(self) -> str:
        return f"{self.name}, {self.city}"


class RevocationReason(models.TextChoices):
    """Why no token of a family is accepted any more."""

    SIGNED_OUT = "signed-out"
    REUSED = "reused", "a used token was presented again"
    CREDENTIALS_CHANGED = "credentials-changed", "password or status of the account changed"


class TokenFamilyQuerySet(models.QuerySet["TokenFamily"]):
    """The questions asked of families."""

    def lock(self, *, digest: bytes) -> "TokenFamily | None":
        """Lock the family of a token. Its tokens must be read after this: only then do they stand still."""
        return self.filter(tokens__digest=digest).select_for_update(of=("self",)).first()


class TokenFamily(models.Model):
    """One sign-in, and all refresh tokens that descend from it.

    Invariant: a family that is not revoked has exactly one live token, a revoked one has none. The
    database refuses a second; ``sessions`` keeps the rest, under the family's lock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="token_families")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_for = models.CharField(max_length=20, choices=RevocationReason, blank=True, editable=False)

    objects = TokenFamilyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "token families"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_for="")
                | (Q(revoked_at__isnull=False) & ~Q(revoked_for="")),
                name="token_family_revoked_for_a_reason",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class RefreshToken(models.Model):
    """One refresh token, by the SHA-256 of its 256 bits: live until used, expired, or its family revoked.

    ``successor_salt`` is set when it is used. Its successor is an HMAC of the token under that salt, so a
    repeat after a lost answer gets the same one, and neither this row nor the token alone yields it.
    """

    family = models.ForeignKey(TokenFamily, on_delete=models.CASCADE, related_name="tokens")
    digest = models.BinaryField(max_length=32, unique=True)
    issued_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)  # used, or its family revoked
    successor_salt = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["family"], condition=Q(ended_at__isnull=True), name="token_family_one_live_token"
            )
        ]

    def __str__(self) -> str:
        return f"token {self.pk} of {self.family_id}"
