"""Accounts, and the public keys their tokens are checked with."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from shop import staff


class AccountManager(BaseUserManager["Account"]):
    """Creates accounts; e-mail addresses are compared without case."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        """The account of an e-mail address. Raises Account.DoesNotExist."""
        return self.get(email=(username or "").strip().lower())

    def create_user(self, *, email: str, password: str | None, name: str = "", **flags: Any) -> "Account":
        """Create an account. Raises IntegrityError when the address is taken."""
        account = self.model(email=email.strip().lower(), name=name, **flags)
        account.set_password(password)
        account.save(force_insert=True)
        return account

    def create_superuser(self, *, email: str, password: str | None, name: str = "") -> "Account":
        """Create an administrator, for Django's command createsuperuser."""
        return self.create_user(email=email, password=password, name=name, is_staff=True, is_superuser=True)


class Account(AbstractBaseUser):
    """A person: customer or staff.

    Role user owns the rows, one per address whatever its case. In every other role a row, or an
    unsaved instance, is a shadow of a token's claims. Permissions come from the table in
    ``shop.staff``, by the roles listed here, never from rows. Only staff have roles: the database insists.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)  # lower case: the database insists
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_superuser = models.BooleanField(default=False)  # the staff role "administrator"
    staff_roles = ArrayField(models.CharField(max_length=40, choices=staff.GRANTED), default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[AccountManager] = AccountManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="account_email_lower_case"),
            models.CheckConstraint(condition=Q(is_staff=True) | Q(staff_roles=[]), name="account_roles_are_of_staff"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="account_newest"),
            models.Index(fields=["name"], opclasses=["varchar_pattern_ops"], name="account_by_name"),
        ]
        ordering = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """What the admin calls its reader, where there is a name."""
        return self.name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether the account may do ``<app>.<action>_<model>``; an administrator may do everything."""
        return self.is_active and (self.is_superuser or (self.is_staff and staff.may(self.staff_roles, perm)))

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        if not self.is_active:
            return False
        return self.is_superuser or (self.is_staff and staff.may_see_app(self.staff_roles, app_label))


class TokenKey(models.Model):
    """A public key of role user, kept so that tokens are still checked while user is away."""

    kid = models.CharField(max_length=64, primary_key=True)
    jwk = models.JSONField()
    fetched_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.kid


class UsedSignOn(models.Model):
    """A one-time token that has opened a session here: a second use is refused. Kept until it has expired."""

    jti = models.UUIDField(primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.jti)


class SignInThrottle(models.Model):
    """Failed sign-ins of one subject (``email:<SHA-256>`` or ``address:<network address>``) in its window.

    Only ``throttle`` writes here. A row whose window has ended counts as none.
    """

    subject = models.CharField(max_length=80, primary_key=True)
    failures = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.subject
