"""Files that staff bring in through the admin: looked at first, applied when somebody says so."""

from typing import Any
from uuid import uuid4

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

LEASE_S = 30  # longer than its holder takes to say that it is alive


class ImportManager(models.Manager["Import"]):
    """Hands out work to jobs. The database's clock decides."""

    def claim(self) -> "Import | None":
        """The next import with work to do that nobody else is at; ``epoch`` fences who held it before."""
        rows = list(self.raw(_CLAIM, [LEASE_S]))
        return rows[0] if rows else None

    def held(self, held: "Import") -> models.QuerySet["Import"]:
        """The row of an import, as long as this is still who holds it."""
        return self.filter(pk=held.pk, epoch=held.epoch, state=held.state)


class Import(models.Model):
    """One file and what became of it.

    checking -> ready, with what would change in ``preview``; or -> refused, with ``problems``. A member of
    the staff moves a ready one to applying -> applied, with what did change; or -> refused, where the catalogue
    has changed so that the file no longer fits. The file is in Django's default storage under its digest, so
    that what is applied is what was previewed.
    """

    class State(models.TextChoices):
        CHECKING = "checking"
        READY = "ready"
        APPLYING = "applying"
        APPLIED = "applied"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid4)
    name = models.CharField(max_length=200)  # as the file was called where it came from
    digest = models.CharField(max_length=64)  # SHA-256 of the file, in hex
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=State, db_default=State.CHECKING)
    told = models.CharField(max_length=300, blank=True, db_default="")  # how the file was read
    rows = models.PositiveIntegerField(db_default=0)
    done = models.PositiveIntegerField(db_default=0)  # of ``rows``, in this state
    problems = models.JSONField(default=list)  # the first [line, column, message]
    problem_total = models.PositiveIntegerField(db_default=0)
    preview = models.JSONField(default=dict)  # the first products to come and to change
    created = models.PositiveIntegerField(db_default=0)
    changed = models.PositiveIntegerField(db_default=0)
    unchanged = models.PositiveIntegerField(db_default=0)
    stocked = models.PositiveIntegerField(db_default=0)  # SKUs with opening stock
    uploaded_by = models.CharField(max_length=36, blank=True, db_default="")
    applied_by = models.CharField(max_length=36, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    epoch = models.PositiveIntegerField(db_default=0)
    lease_until = models.DateTimeField(null=True)

    objects: Any = ImportManager()

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("rows")), name="import_done_le_rows"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "id"], name="import_newest"),
            models.Index(fields=["created_at"], name="import_due", condition=Q(state__in=["checking", "applying"])),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Where the file is in the storage."""
        return path(self.digest)

    @property
    def busy(self) -> bool:
        """Whether a job is at it, or will be."""
        return self.state in {self.State.CHECKING, self.State.APPLYING}


def path(digest: str) -> str:
    """Where the file with ``digest`` is in the storage."""
    return f"imports/{digest}.csv"


_CLAIM = """
UPDATE product_import SET epoch = epoch + 1, lease_until = now() + make_interval(secs => %s)
WHERE id = (
    SELECT id FROM product_import
    WHERE state IN ('checking', 'applying') AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
