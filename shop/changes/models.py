"""The history of what staff edit: written by the database itself, so that no way of editing escapes it."""

from django.db import models
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now

from shop.identity.models import Account


class ChangeQuerySet(models.QuerySet["Change"]):
    """The questions asked of the history."""

    def of(self, table: str, *rows: object) -> "ChangeQuerySet":
        """What happened to rows of ``table`` (by primary key), newest first, in one query with ``actor_email``.

        The address is None where the machine acted, or where this role has never seen the actor.
        """
        found = self.filter(table=table, row__in=[str(row) for row in rows])
        return found.with_actors().order_by("-id")

    def with_actors(self) -> "ChangeQuerySet":
        """Each with ``actor_email``."""
        email = Account.objects.filter(pk=OuterRef("actor")).values("email")
        return self.annotate(actor_email=Subquery(email))


class Action(models.TextChoices):
    """What was done to the row; anything else is a service's own word, written by ``services.note``."""

    ADD = "add", "added"
    CHANGE = "change", "changed"
    DELETE = "delete", "deleted"


class Change(models.Model):
    """One row added, changed or deleted: ``before`` and ``after`` hold the columns that differ.

    Append-only: a trigger refuses UPDATE, and DELETE of all that is not older than ``retention`` says.
    The triggers that write it are made by ``operations.Track``. ``actor`` is an account's id, none
    when the machine acted; ``source`` is admin, api, a command's name, or empty.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    actor = models.UUIDField(null=True)
    source = models.CharField(max_length=20, blank=True, db_default="")
    table = models.CharField(max_length=63)
    row = models.CharField(max_length=200)
    action = models.CharField(max_length=20)
    before = models.JSONField(null=True)  # null: there was no row
    after = models.JSONField(null=True)  # null: the row is gone

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index("table", "row", F("id").desc(), name="changes_of_row"),
            models.Index("actor", F("id").desc(), name="changes_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.action}"
